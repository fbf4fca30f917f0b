"""boto3 from before 2023-11, unmodified, which speaks Query and XML to SQS and checks the digests of messages."""

import botocore
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{call} must be refused with {code}")


def main(url):
    sqs = boto3.client("sqs", endpoint_url=url, config=Config(retries={"max_attempts": 0}))
    assert sqs.meta.service_model.metadata["protocol"] == "query", botocore.__version__
    assert isinstance(refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="no"),
                      sqs.exceptions.QueueDoesNotExist)
    queue = sqs.create_queue(QueueName="old", Attributes={"VisibilityTimeout": "60"}, tags={"a": "1"})["QueueUrl"]
    assert isinstance(refused("QueueAlreadyExists", sqs.create_queue, QueueName="old",
                              Attributes={"VisibilityTimeout": "61"}), sqs.exceptions.QueueNameExists)
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"a": "1"}
    assert sqs.list_queues()["QueueUrls"] == [queue]
    attributes = {"n": {"DataType": "Number", "StringValue": "7"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    sqs.send_message(QueueUrl=queue, MessageBody="a&<b> ü", MessageAttributes=attributes)
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=[
        {"Id": str(number), "MessageBody": f"m{number}", "MessageAttributes": attributes} for number in range(9)])
    assert len(sent["Successful"]) == 9
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"],
                                   MessageAttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in messages] == ["a&<b> ü", *(f"m{number}" for number in range(9))]
    assert messages[0]["MessageAttributes"] == attributes
    assert messages[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"], VisibilityTimeout=90)
    done = sqs.delete_message_batch(QueueUrl=queue, Entries=[
        *({"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages[1:])),
        {"Id": "x", "ReceiptHandle": "x"}])
    assert len(done["Successful"]) == 9 and done["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "1"})
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (found["DelaySeconds"], found["ApproximateNumberOfMessages"]) == ("1", "0"), found
    fifo = sqs.create_queue(QueueName="old.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    first, again = (sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d")
                    for _ in range(2))
    assert first["SequenceNumber"] == again["SequenceNumber"]
    sqs.purge_queue(QueueUrl=fifo)
    sqs.delete_queue(QueueUrl=fifo)


if __name__ == "__main__":
    import os

    main(os.environ["AWS_ENDPOINT_URL"])
