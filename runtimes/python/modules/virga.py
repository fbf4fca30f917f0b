"""What a function can ask of Virga: `import virga`. A function that brings a module of this name gets its own.

    connection = connect()

    @virga.before_fork
    def close():
        connection.close()

    @virga.after_fork
    def reopen():
        global connection
        connection = connect()

docs/templates.md says when Virga forks a loaded function, and what forks share.
"""

from virga_runtime.hooks import after_fork, before_fork

__all__ = ["after_fork", "before_fork"]
