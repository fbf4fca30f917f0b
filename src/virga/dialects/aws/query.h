#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace virga::dialects::aws {

// The parameters of a query string or a form body: '+' is a space, %XX is decoded, the order is kept. What is not
// well-formed percent-encoding stays as it is.
class Query {
 public:
  explicit Query(std::string_view raw);
  std::optional<std::string_view> find(std::string_view name) const;  // the first one
  std::vector<std::string> all(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// One name or value of a query, decoded.
std::string decode_form(std::string_view raw);

}  // namespace virga::dialects::aws
