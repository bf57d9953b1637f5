"""Recording every byte first, understanding it afterwards."""
