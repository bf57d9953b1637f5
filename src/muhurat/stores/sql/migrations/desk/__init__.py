"""The versions of the schema `desk`, oldest first."""
