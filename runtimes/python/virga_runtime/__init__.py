"""The Python bootstrap: speaks frames (docs/frames.md) with Virga and runs one function, one invocation at a time."""
