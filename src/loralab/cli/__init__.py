"""The command line: one file for each verb. Only this room prints or exits."""
