"""The words of the desk as frozen facts, without input or output."""
