"""A whole desk on a simulated day: what `muhurat demo` runs. Like the command line, it may use everything."""
