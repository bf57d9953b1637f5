"""Any FTP server that delivers files to the desk."""
