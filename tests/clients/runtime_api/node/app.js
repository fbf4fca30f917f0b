// The hello example of aws-lambda-ric (README.md), unmodified.
"use strict";

exports.handler = async (event, context) => {
    return 'Hello World!';
}
