#include "virga/dialects/aws/lambda/call.h"

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::lambda {

std::string Call::segment(std::size_t index) const {
  std::string_view raw = index < match_.capture_count ? match_.captures[index] : std::string_view();
  if (raw.find('%') == std::string_view::npos) return std::string(raw);
  auto decoded = percent_decode(raw);
  return decoded ? std::move(*decoded) : std::string(raw);
}

Answer<FunctionReference> Call::function() const {
  if (request_->query.empty()) return parse_function_reference(segment(0));
  Query parameters = query();
  return parse_function_reference(segment(0), parameters.find("Qualifier"));
}

Answer<FunctionReference> Call::unqualified_function() const {
  auto reference = parse_function_reference(segment(0));
  if (reference && !reference->qualifier.empty()) {
    return std::unexpected(invalid_parameter("This operation is on the function as a whole: leave out the qualifier '" +
                                             reference->qualifier + "' of its name."));
  }
  return reference;
}

io::Task<Result<>> Call::attach(model::FunctionName function, catalog::AttachmentKey key,
                                std::optional<std::string> json) {
  std::function<Result<>(catalog::Catalog&)> change = [&](catalog::Catalog& catalog) {
    return catalog.attach(function, key, std::move(json));
  };
  auto attached = co_await mutate<void>(std::move(change));
  co_return attached;
}

http::Response json_response(int status, std::string body) {
  return http::Response::make(status, "application/json", std::move(body));
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  return response;
}

Refusal function_not_found(const Account& account, const FunctionReference& function) {
  return not_found("Function not found: " + function_arn(account, function.name, function.qualifier));
}

Answer<catalog::Resolved> resolve(const Call& call, const FunctionReference& function) {
  auto entry = call.catalog().function(function.name);
  if (!entry) return std::unexpected(function_not_found(call.account(), function));
  const catalog::FunctionEntry& found = **entry;
  catalog::Resolved resolved{*entry, found.latest, std::nullopt};
  if (function.qualifier.empty() || function.qualifier == "$LATEST") return resolved;
  model::VersionNumber number;
  model::AliasName alias{function.qualifier};
  if (auto place = found.aliases.find(alias); place != found.aliases.end()) {
    resolved.alias = alias;
    number = place->second.version;
  } else if (auto parsed = parse_version(function.qualifier)) {
    number = *parsed;
  } else {
    return std::unexpected(function_not_found(call.account(), function));
  }
  resolved.version = found.version(number);
  if (!resolved.version) return std::unexpected(function_not_found(call.account(), function));
  return resolved;
}

std::optional<model::VersionNumber> parse_version(std::string_view text) {
  if (text == "$LATEST") return model::VersionNumber();
  std::uint64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return model::VersionNumber(number);
}

Answer<PageRequest> page_request(const Query& query, std::int64_t most_items) {
  PageRequest page;
  Violations violations;
  if (auto text = query.find("MaxItems")) {
    auto items = parse_integer(violations, "maxItems", *text, {1, most_items});
    if (items) page.limit = std::min<std::size_t>(static_cast<std::size_t>(*items), page.limit);
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  if (auto marker = query.find("Marker")) page.marker = *marker;
  return page;
}

}  // namespace virga::dialects::aws::lambda
