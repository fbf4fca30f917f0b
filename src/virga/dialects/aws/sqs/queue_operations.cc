#include <fmt/format.h>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sqs/attributes.h"
#include "virga/dialects/aws/sqs/operations.h"

// Operations on queues as such.
namespace virga::dialects::aws::sqs {
namespace {

constexpr std::size_t kMostTags = 50;
constexpr std::size_t kMostNames = 1000;

Answer<queue::QueueRecord> find(const Call& call) {
  VIRGA_OR_REFUSE(auto name, call.queue_name());
  return answer_of(call.queues().describe(name));
}

// Some of a list of names: MaxResults and NextToken, which is the Base64 of the last name.
struct Page {
  std::vector<std::string> names;
  std::string next;
};
Answer<Page> page_of(const Parameters& parameters, std::vector<std::string> names) {
  VIRGA_OR_REFUSE(auto most, parameters.integer("MaxResults", {1, kMostNames}));
  std::string after;
  if (auto token = parameters.text("NextToken")) {
    auto decoded = from_base64(*token);
    if (!decoded) return std::unexpected(invalid_value("NextToken", *token, "It was not given by this API."));
    after = std::move(*decoded);
  }
  auto limit = most ? static_cast<std::size_t>(*most) : kMostNames;
  Page page;
  for (auto& name : names) {
    if (name <= after) continue;
    if (page.names.size() == limit) {
      // Without MaxResults lists just end at the bound, as they do at AWS.
      if (most) page.next = to_base64(page.names.back());
      break;
    }
    page.names.push_back(std::move(name));
  }
  return page;
}

boost::json::object render_page(const Call& call, const Page& page, const char* member) {
  boost::json::object answer;
  boost::json::array urls;
  for (const auto& name : page.names) urls.emplace_back(call.url_of(name));
  if (!urls.empty() || std::string_view(member) == "queueUrls") answer[member] = std::move(urls);
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

}  // namespace

io::Task<Reply> create_queue(Call call) {
  auto parameters = call.parameters();
  VIRGA_CO_OR_REFUSE(auto name, parameters.required("QueueName"));
  if (!queue::is_queue_name(name)) {
    co_return std::unexpected(invalid_value(
        "QueueName", name, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length."));
  }
  auto given = parameters.map("Attributes");
  auto tags = parameters.map("tags");
  if (tags.empty()) tags = parameters.map("Tags");
  if (tags.size() > kMostTags) co_return std::unexpected(invalid_value("A queue can have at most 50 tags."));
  queue::Settings base;
  auto known = call.queues().describe(name);
  if (known) base = known->settings;
  VIRGA_CO_OR_REFUSE(auto settings, apply(call, base, given, Moment::Create));
  bool is_named_fifo = name.ends_with(queue::kFifoSuffix);
  if (settings.is_fifo != is_named_fifo) {
    co_return std::unexpected(invalid_value(
        "QueueName", name,
        is_named_fifo ? "A name that ends in .fifo is for queues with the attribute FifoQueue, which must be true."
                      : "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
                        "must end with .fifo suffix and be 1 to 80 in length."));
  }
  auto created = co_await call.queues().create(name, std::move(settings), std::move(tags));
  if (!created) co_return std::unexpected(refusal_of(created.error()));
  boost::json::object answer;
  answer["QueueUrl"] = call.url_of(name);
  co_return answer;
}

io::Task<Reply> delete_queue(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  auto removed = co_await call.queues().remove(name);
  if (!removed) co_return std::unexpected(refusal_of(removed.error()));
  co_return boost::json::object();
}

io::Task<Reply> get_queue_attributes(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  auto wanted = call.parameters().texts("AttributeNames");
  VIRGA_CO_OR_REFUSE(auto attributes, describe(call, record, wanted));
  boost::json::object answer;
  if (!attributes.empty()) answer["Attributes"] = std::move(attributes);
  co_return answer;
}

io::Task<Reply> get_queue_url(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.parameters().required("QueueName"));
  auto record = call.queues().describe(name);
  if (!record) co_return std::unexpected(refusal_of(record.error()));
  boost::json::object answer;
  answer["QueueUrl"] = call.url_of(name);
  co_return answer;
}

io::Task<Reply> list_dead_letter_source_queues(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  VIRGA_CO_OR_REFUSE(auto page, page_of(call.parameters(), call.queues().dead_letter_sources(record.name)));
  co_return render_page(call, page, "queueUrls");
}

io::Task<Reply> list_queue_tags(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  boost::json::object tags;
  for (const auto& [name, value] : record.tags) tags[name] = value;
  boost::json::object answer;
  if (!tags.empty()) answer["Tags"] = std::move(tags);
  co_return answer;
}

io::Task<Reply> list_queues(Call call) {
  auto parameters = call.parameters();
  auto names = call.queues().names(parameters.text("QueueNamePrefix").value_or(""));
  VIRGA_CO_OR_REFUSE(auto page, page_of(parameters, std::move(names)));
  co_return render_page(call, page, "QueueUrls");
}

io::Task<Reply> purge_queue(Call call) {
  VIRGA_CO_OR_REFUSE(auto name, call.queue_name());
  auto purged = co_await call.queues().purge(name);
  if (!purged) co_return std::unexpected(refusal_of(purged.error(), "AWS.SimpleQueueService.PurgeQueueInProgress"));
  co_return boost::json::object();
}

io::Task<Reply> set_queue_attributes(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  auto given = call.parameters().map("Attributes");
  if (given.empty()) co_return std::unexpected(missing("Attributes"));
  VIRGA_CO_OR_REFUSE(auto settings, apply(call, record.settings, given, Moment::Change));
  auto changed = co_await call.queues().change(record.name, std::move(settings));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return boost::json::object();
}

io::Task<Reply> tag_queue(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  auto tags = call.parameters().map("Tags");
  if (tags.empty()) co_return std::unexpected(missing("Tags"));
  auto all = record.tags;
  for (const auto& [name, value] : tags) all[name] = value;
  if (all.size() > kMostTags) co_return std::unexpected(invalid_value("A queue can have at most 50 tags."));
  std::vector<std::string> none;
  auto changed = co_await call.queues().change_tags(record.name, std::move(tags), std::move(none));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return boost::json::object();
}

io::Task<Reply> untag_queue(Call call) {
  VIRGA_CO_OR_REFUSE(auto record, find(call));
  auto keys = call.parameters().texts("TagKeys");
  queue::Tags none;
  auto changed = co_await call.queues().change_tags(record.name, std::move(none), std::move(keys));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return boost::json::object();
}

}  // namespace virga::dialects::aws::sqs
