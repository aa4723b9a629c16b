"""Files of model hubs: what a repository holds, and its checked bytes on this machine."""
