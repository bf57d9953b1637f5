"""An FTP server for rehearsals: full-size files, passive mode, resuming, and the failures FTP servers have."""
