#include "virga/dialects/aws/sqs/operations.h"

#include <array>

namespace virga::dialects::aws::sqs {
namespace {

constexpr std::array<Operation, 23> kOperations = {{
    {"AddPermission", false, nullptr},
    {"CancelMessageMoveTask", true, cancel_message_move_task},
    {"ChangeMessageVisibility", false, change_message_visibility},
    {"ChangeMessageVisibilityBatch", true, change_message_visibility_batch},
    {"CreateQueue", true, create_queue},
    {"DeleteMessage", false, delete_message},
    {"DeleteMessageBatch", true, delete_message_batch},
    {"DeleteQueue", false, delete_queue},
    {"GetQueueAttributes", true, get_queue_attributes},
    {"GetQueueUrl", true, get_queue_url},
    {"ListDeadLetterSourceQueues", true, list_dead_letter_source_queues},
    {"ListMessageMoveTasks", true, list_message_move_tasks},
    {"ListQueueTags", true, list_queue_tags},
    {"ListQueues", true, list_queues},
    {"PurgeQueue", false, purge_queue},
    {"ReceiveMessage", true, receive_message},
    {"RemovePermission", false, nullptr},
    {"SendMessage", true, send_message},
    {"SendMessageBatch", true, send_message_batch},
    {"SetQueueAttributes", false, set_queue_attributes},
    {"StartMessageMoveTask", true, start_message_move_task},
    {"TagQueue", false, tag_queue},
    {"UntagQueue", false, untag_queue},
}};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

}  // namespace virga::dialects::aws::sqs
