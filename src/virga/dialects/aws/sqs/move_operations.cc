#include "virga/base/encoding.h"
#include "virga/dialects/aws/sqs/attributes.h"
#include "virga/dialects/aws/sqs/operations.h"

// Moving the messages of dead-letter queues back.
namespace virga::dialects::aws::sqs {
namespace {

using Status = queue::Queues::MoveTask::Status;

Refusal no_resource(std::string message) {
  return Refusal{404, "ResourceNotFoundException", std::move(message), {}};
}

Answer<std::string> queue_named(const Parameters& parameters, std::string_view member) {
  VIRGA_OR_REFUSE(auto arn, parameters.required(member));
  auto name = queue::queue_of_arn(arn);
  if (name.empty()) return std::unexpected(invalid_value(member, arn, "It is no ARN of a queue."));
  return std::string(name);
}

Refusal refusal_of_move(const Error& error) {
  if (error.code() == ErrorCode::NotFound)
    return no_resource(
        "The resource that you specified for the SourceArn or "
        "the DestinationArn doesn't exist: " +
        error.message());
  return refusal_of(error);
}

}  // namespace

io::Task<Reply> start_message_move_task(Call call) {
  auto parameters = call.parameters();
  VIRGA_CO_OR_REFUSE(auto source, queue_named(parameters, "SourceArn"));
  std::string destination;
  if (parameters.text("DestinationArn")) {
    VIRGA_CO_OR_REFUSE(destination, queue_named(parameters, "DestinationArn"));
  }
  VIRGA_CO_OR_REFUSE(auto rate, parameters.integer("MaxNumberOfMessagesPerSecond", {1, 500}));
  auto id = co_await call.queues().start_move(std::move(source), std::move(destination),
                                              static_cast<std::uint32_t>(rate.value_or(0)));
  if (!id) co_return std::unexpected(refusal_of_move(id.error()));
  boost::json::object answer;
  answer["TaskHandle"] = to_base64(*id);
  co_return answer;
}

io::Task<Reply> cancel_message_move_task(Call call) {
  VIRGA_CO_OR_REFUSE(auto handle, call.parameters().required("TaskHandle"));
  auto id = from_base64(handle);
  if (!id) co_return std::unexpected(invalid_value("TaskHandle", handle, "It is no handle of a task."));
  auto task = co_await call.queues().cancel_move(std::move(*id));
  if (!task) co_return std::unexpected(refusal_of_move(task.error()));
  boost::json::object answer;
  answer["ApproximateNumberOfMessagesMoved"] = task->moved;
  co_return answer;
}

io::Task<Reply> list_message_move_tasks(Call call) {
  auto parameters = call.parameters();
  VIRGA_CO_OR_REFUSE(auto source, queue_named(parameters, "SourceArn"));
  VIRGA_CO_OR_REFUSE(auto most, parameters.integer("MaxResults", {1, 10}));
  auto tasks = call.queues().moves(source);
  if (!tasks) co_return std::unexpected(refusal_of_move(tasks.error()));
  boost::json::array results;
  for (const auto& task : *tasks) {
    if (results.size() == static_cast<std::size_t>(most.value_or(1))) break;
    boost::json::object one;
    // The handle is for those that can be cancelled.
    if (task.status == Status::Running) one["TaskHandle"] = to_base64(task.id);
    auto status = name(task.status);
    one["Status"] = boost::json::string_view(status.data(), status.size());
    one["SourceArn"] = call.queues().arn_of(task.source);
    if (!task.destination.empty()) one["DestinationArn"] = call.queues().arn_of(task.destination);
    if (task.per_second > 0) one["MaxNumberOfMessagesPerSecond"] = task.per_second;
    one["ApproximateNumberOfMessagesMoved"] = task.moved;
    one["ApproximateNumberOfMessagesToMove"] = task.to_move;
    if (!task.failure.empty()) one["FailureReason"] = task.failure;
    one["StartedTimestamp"] = unix_milliseconds(task.started);
    results.push_back(std::move(one));
  }
  boost::json::object answer;
  answer["Results"] = std::move(results);
  co_return answer;
}

}  // namespace virga::dialects::aws::sqs
