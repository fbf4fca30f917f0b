"""Entry of the Python bootstrap. All of it lies in the package beside this file, so that its module names cannot meet a function's."""

import sys

if __name__ == "__main__":
    from virga_runtime.main import main

    sys.exit(main())
