#include "virga/dialects/aws/sqs/wire.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/query.h"

namespace virga::dialects::aws::sqs {
namespace {

constexpr std::string_view kTarget = "AmazonSQS.";
constexpr std::string_view kNamespace = "http://queue.amazonaws.com/doc/2012-11-05/";
constexpr std::size_t kMostParameters = 5000;
constexpr std::size_t kDeepest = 8;

// How lists and maps are named: in a form by the name of one of them, in JSON by the name of all.
struct Plural {
  std::string_view one;
  std::string_view all;
  std::string_view key;  // of maps; "": a list
  std::string_view value;
};
constexpr std::array kPlurals = {
    Plural{"Attribute", "Attributes", "Name", "Value"},
    Plural{"MessageAttribute", "MessageAttributes", "Name", "Value"},
    Plural{"MessageSystemAttribute", "MessageSystemAttributes", "Name", "Value"},
    Plural{"Tag", "Tags", "Key", "Value"},
    Plural{"AttributeName", "AttributeNames", "", ""},
    Plural{"MessageAttributeName", "MessageAttributeNames", "", ""},
    Plural{"MessageSystemAttributeName", "MessageSystemAttributeNames", "", ""},
    Plural{"TagKey", "TagKeys", "", ""},
    Plural{"SendMessageBatchRequestEntry", "Entries", "", ""},
    Plural{"DeleteMessageBatchRequestEntry", "Entries", "", ""},
    Plural{"ChangeMessageVisibilityBatchRequestEntry", "Entries", "", ""},
    // Only in answers.
    Plural{"QueueUrl", "QueueUrls", "", ""},
    Plural{"QueueUrl", "queueUrls", "", ""},
    Plural{"Message", "Messages", "", ""},
    Plural{"BatchResultErrorEntry", "Failed", "", ""},
    Plural{"ListMessageMoveTasksResultEntry", "Results", "", ""},
};

boost::json::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const boost::json::string& text) {
  return {text.data(), text.size()};
}

// A form's parameters as a tree of the parts of their names.
struct Node {
  std::optional<std::string> value;
  std::map<std::string, Node, std::less<>> children;
};

boost::json::value to_json(const Node& node);

// Those with a number for a name, by it.
std::vector<const Node*> numbered(const Node& node) {
  std::vector<std::pair<unsigned, const Node*>> found;
  for (const auto& [name, child] : node.children) {
    unsigned number = 0;
    auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (problem == std::errc() && end == name.data() + name.size()) found.emplace_back(number, &child);
  }
  std::ranges::sort(found, {}, &std::pair<unsigned, const Node*>::first);
  std::vector<const Node*> nodes;
  for (const auto& [number, child] : found) nodes.push_back(child);
  return nodes;
}

boost::json::value plural_to_json(const Plural& plural, const Node& node) {
  auto nodes = numbered(node);
  if (plural.key.empty()) {
    boost::json::array list;
    for (const auto* one : nodes) list.push_back(to_json(*one));
    return list;
  }
  if (nodes.empty()) nodes.push_back(&node);  // a single one may come without its number
  boost::json::object map;
  for (const auto* one : nodes) {
    auto key = one->children.find(plural.key);
    auto value = one->children.find(plural.value);
    if (key == one->children.end() || !key->second.value) continue;
    map[view(*key->second.value)] = value == one->children.end() ? boost::json::value("") : to_json(value->second);
  }
  return map;
}

boost::json::value to_json(const Node& node) {
  if (node.children.empty()) return boost::json::value(view(node.value ? std::string_view(*node.value) : ""));
  boost::json::object object;
  for (const auto& [name, child] : node.children) {
    auto plural = std::ranges::find_if(kPlurals, [&](const Plural& one) { return one.one == name; });
    if (plural != kPlurals.end() && !child.children.empty()) {
      object[view(plural->all)] = plural_to_json(*plural, child);
    } else {
      object[view(name)] = to_json(child);
    }
  }
  return object;
}

bool insert(Node& root, std::string_view name, std::string value) {
  auto* node = &root;
  for (std::size_t depth = 0; depth < kDeepest; ++depth) {
    auto part = name.substr(0, name.find('.'));
    node = &node->children[std::string(part)];
    if (part.size() == name.size()) {
      node->value = std::move(value);
      return true;
    }
    name.remove_prefix(part.size() + 1);
  }
  return false;
}

void append(XmlElement& outer, std::string_view operation, std::string_view name, const boost::json::value& value);

void append_members(XmlElement& outer, std::string_view operation, const boost::json::object& object) {
  for (const auto& member : object) {
    append(outer, operation, std::string_view(member.key().data(), member.key().size()), member.value());
  }
}

void append(XmlElement& outer, std::string_view operation, std::string_view name, const boost::json::value& value) {
  auto plural = std::ranges::find_if(kPlurals, [&](const Plural& one) { return one.all == name; });
  if (const auto* list = value.if_array()) {
    auto one = plural != kPlurals.end() ? std::string(plural->one) : std::string(operation) + "ResultEntry";
    for (const auto& element : *list) append(outer, operation, one, element);
  } else if (const auto* object = value.if_object()) {
    if (plural == kPlurals.end() || plural->key.empty()) {
      XmlElement inner(outer, name);
      append_members(inner, operation, *object);
      return;
    }
    for (const auto& member : *object) {
      XmlElement inner(outer, plural->one);
      inner.add(plural->key, std::string_view(member.key().data(), member.key().size()));
      append(inner, operation, plural->value, member.value());
    }
  } else if (const auto* text = value.if_string()) {
    outer.add(name, view(*text));
  } else {
    outer.add(name, boost::json::serialize(value));
  }
}

}  // namespace

Protocol protocol_of(const http::Request& request) {
  return request.field("X-Amz-Target").empty() ? Protocol::Query : Protocol::Json;
}

Answer<Parsed> parse_form(std::string_view form) {
  Node root;
  std::size_t count = 0;
  while (!form.empty()) {
    auto part = form.substr(0, form.find('&'));
    form.remove_prefix(part.size() < form.size() ? part.size() + 1 : form.size());
    if (part.empty()) continue;
    auto equals = part.find('=');
    auto value = equals == part.npos ? std::string() : decode_form(part.substr(equals + 1));
    auto name = decode_form(part.substr(0, equals));
    if (++count > kMostParameters || !insert(root, name, std::move(value))) {
      return std::unexpected(
          Refusal{400, "MalformedQueryString", "The form has too many parameters or too long names.", {}});
    }
  }
  Parsed parsed;
  if (root.children.empty()) return parsed;
  parsed.parameters = to_json(root).get_object();
  if (auto action = root.children.find("Action"); action != root.children.end()) {
    parsed.operation = action->second.value.value_or("");
  }
  return parsed;
}

Answer<Parsed> parse(const http::Request& request) {
  if (protocol_of(request) == Protocol::Query) {
    return parse_form(request.method == "POST" ? request.body : request.query);
  }
  auto target = request.field("X-Amz-Target");
  if (!target.starts_with(kTarget)) {
    return std::unexpected(
        Refusal{400, "InvalidAction", "The operation '" + std::string(target) + "' is none of Amazon SQS.", {}});
  }
  Parsed parsed;
  parsed.operation = target.substr(kTarget.size());
  VIRGA_OR_REFUSE(parsed.parameters, parse_body(request.body));
  return parsed;
}

http::Response render(Protocol protocol, std::string_view operation, bool has_result, const boost::json::object& result,
                      const std::string& request_id) {
  if (protocol == Protocol::Json) {
    return http::Response::make(200, "application/x-amz-json-1.0", boost::json::serialize(result));
  }
  std::string body;
  {
    XmlElement response(body, std::string(operation) + "Response", kNamespace);
    if (has_result) {
      XmlElement part(response, std::string(operation) + "Result");
      append_members(part, operation, result);
    }
    XmlElement metadata(response, "ResponseMetadata");
    metadata.add("RequestId", request_id);
  }
  return http::Response::make(200, "text/xml", std::move(body));
}

std::string json_type(std::string_view code) {
  // Of errors that have another name here; all others are called by the last part of their code.
  constexpr std::array kOther = {
      std::pair(std::string_view("AWS.SimpleQueueService.NonExistentQueue"), "com.amazonaws.sqs#QueueDoesNotExist"),
      std::pair(std::string_view("QueueAlreadyExists"), "com.amazonaws.sqs#QueueNameExists"),
      std::pair(std::string_view("InvalidParameterValue"), "com.amazon.coral.service#InvalidParameterValueException"),
      std::pair(std::string_view("MissingParameter"), "com.amazon.coral.service#MissingRequiredParameterException"),
      std::pair(std::string_view("InvalidAction"), "com.amazon.coral.service#UnknownOperationException"),
  };
  for (const auto& [known, type] : kOther) {
    if (known == code) return type;
  }
  return "com.amazonaws.sqs#" + std::string(code.substr(code.rfind('.') + 1));
}

http::Response render(Protocol protocol, const Refusal& refusal, const std::string& request_id) {
  std::string_view party = refusal.status >= 500 ? "Receiver" : "Sender";
  if (protocol == Protocol::Json) {
    boost::json::object body;
    body["__type"] = json_type(refusal.code);
    body["message"] = refusal.message;
    auto response = http::Response::make(refusal.status, "application/x-amz-json-1.0", boost::json::serialize(body));
    response.add("x-amzn-query-error", refusal.code + ";" + std::string(party));
    return response;
  }
  std::string body;
  {
    XmlElement response(body, "ErrorResponse", kNamespace);
    {
      XmlElement error(response, "Error");
      error.add("Type", party).add("Code", refusal.code).add("Message", refusal.message).add("Detail", "");
    }
    response.add("RequestId", request_id);
  }
  return http::Response::make(refusal.status, "text/xml", std::move(body));
}

}  // namespace virga::dialects::aws::sqs
