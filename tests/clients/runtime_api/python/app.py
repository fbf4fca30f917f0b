# The hello example of awslambdaric (README.md), unmodified.
def handler(event, context):
    return "Hello World!"
