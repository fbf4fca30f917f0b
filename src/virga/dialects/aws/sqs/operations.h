#pragma once

#include <boost/json.hpp>
#include <span>
#include <string_view>

#include "virga/dialects/aws/sqs/call.h"
#include "virga/io/task.h"

namespace virga::dialects::aws::sqs {

using Reply = Answer<boost::json::object>;

// One operation of the API, for both protocols.
struct Operation {
  std::string_view name;
  bool has_result;                   // the model gives its answer a part of its own in XML
  io::Task<Reply> (*handler)(Call);  // null: known, and not built
};

// All 23 operations of botocore's model sqs/2012-11-05, by name.
std::span<const Operation> operations();

// queue_operations.cc
io::Task<Reply> create_queue(Call call);
io::Task<Reply> delete_queue(Call call);
io::Task<Reply> get_queue_attributes(Call call);
io::Task<Reply> get_queue_url(Call call);
io::Task<Reply> list_dead_letter_source_queues(Call call);
io::Task<Reply> list_queue_tags(Call call);
io::Task<Reply> list_queues(Call call);
io::Task<Reply> purge_queue(Call call);
io::Task<Reply> set_queue_attributes(Call call);
io::Task<Reply> tag_queue(Call call);
io::Task<Reply> untag_queue(Call call);
// message_operations.cc
io::Task<Reply> change_message_visibility(Call call);
io::Task<Reply> delete_message(Call call);
io::Task<Reply> receive_message(Call call);
io::Task<Reply> send_message(Call call);
// batch_operations.cc
io::Task<Reply> change_message_visibility_batch(Call call);
io::Task<Reply> delete_message_batch(Call call);
io::Task<Reply> send_message_batch(Call call);
// move_operations.cc
io::Task<Reply> cancel_message_move_task(Call call);
io::Task<Reply> list_message_move_tasks(Call call);
io::Task<Reply> start_message_move_task(Call call);

}  // namespace virga::dialects::aws::sqs
