"""Sends the mail of a sign-up. Python's own library is all it needs."""

import os
import smtplib
from email.message import EmailMessage


def handler(event, context):
    message = EmailMessage()
    message["From"] = os.environ["FROM"]
    message["To"] = event["email"]
    message["Subject"] = "Please verify your address"
    # The same for each attempt: whoever gets the mail twice can see that it is one.
    message["Message-ID"] = f"<{context.aws_request_id}@example.com>"
    message.set_content(f"Welcome! One more step:\n\n{event['link']}\n")
    # If the server cannot be reached, the call fails, and Virga tries it again in a minute.
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=10) as server:
        server.send_message(message)
    print(f"sent to {event['email']}")
