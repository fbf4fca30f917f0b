#include "virga/dialects/aws/sqs/attributes.h"
#include "virga/dialects/aws/sqs/operations.h"

// Operations on one message, and receiving.
namespace virga::dialects::aws::sqs {
namespace {

constexpr std::int64_t kLongestHiding = 43'200;  // seconds
constexpr std::string_view kNotInFlight = "AWS.SimpleQueueService.MessageNotInflight";

}  // namespace

io::Task<Reply> send_message(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto record, answer_of(call.queues().describe(name)));
  VIRGA_CO_OR_REFUSE(auto outgoing, read_message(call, call.parameters(), record));
  std::vector<queue::Queues::Outgoing> messages = {outgoing};
  auto sent = co_await call.queues().send(name, std::move(messages));
  if (!sent) co_return std::unexpected(refusal_of(sent.error()));
  co_return describe_sent(outgoing, sent->front(), record.settings.is_fifo);
}

io::Task<Reply> receive_message(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto record, answer_of(call.queues().describe(name)));
  auto parameters = call.parameters();
  VIRGA_CO_OR_REFUSE(auto most, parameters.integer("MaxNumberOfMessages", {1, 10}));
  VIRGA_CO_OR_REFUSE(auto visibility, parameters.integer("VisibilityTimeout", {0, kLongestHiding}));
  VIRGA_CO_OR_REFUSE(auto wait, parameters.integer("WaitTimeSeconds", {0, 20}));
  queue::Queues::Wanted wanted;
  wanted.most = static_cast<std::size_t>(most.value_or(1));
  if (visibility) wanted.visibility = std::chrono::seconds(*visibility);
  wanted.attempt = parameters.text("ReceiveRequestAttemptId").value_or("");
  auto time = wait ? std::chrono::seconds(*wait) : record.settings.receive_wait;
  wanted.until = io::Deadline::in(call.services().loop, time);
  auto listener = call.queues().make_listener();
  // A message must not go to somebody who is not there any more.
  if (time.count() > 0) call.request().on_peer_gone([listener] { listener->cancel(); });
  auto received = co_await call.queues().receive(name, wanted, listener);
  if (!received) co_return std::unexpected(refusal_of(received.error()));
  Wanted shown;
  shown.system = parameters.texts("AttributeNames");
  for (auto& one : parameters.texts("MessageSystemAttributeNames")) shown.system.push_back(std::move(one));
  shown.named = parameters.texts("MessageAttributeNames");
  boost::json::object answer;
  boost::json::array messages;
  for (const auto& one : *received) messages.push_back(describe(one, shown));
  if (!messages.empty()) answer["Messages"] = std::move(messages);
  co_return answer;
}

io::Task<Reply> delete_message(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto receipt, call.parameters().required("ReceiptHandle"));
  std::vector<std::string> receipts = {receipt};
  auto erased = co_await call.queues().erase(name, std::move(receipts));
  if (!erased) co_return std::unexpected(refusal_of(erased.error()));
  if (const auto& one = erased->front(); !one) co_return std::unexpected(refusal_of(one.error()));
  co_return boost::json::object();
}

io::Task<Reply> change_message_visibility(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  VIRGA_CO_OR_REFUSE(auto receipt, call.parameters().required("ReceiptHandle"));
  VIRGA_CO_OR_REFUSE(auto time, call.parameters().integer("VisibilityTimeout", {0, kLongestHiding}));
  if (!time) co_return std::unexpected(missing("VisibilityTimeout"));
  std::vector<queue::Queues::Hiding> hidings = {{receipt, std::chrono::seconds(*time)}};
  auto hidden = co_await call.queues().hide(name, std::move(hidings));
  if (!hidden) co_return std::unexpected(refusal_of(hidden.error()));
  if (const auto& one = hidden->front(); !one) co_return std::unexpected(refusal_of(one.error(), kNotInFlight));
  co_return boost::json::object();
}

}  // namespace virga::dialects::aws::sqs
