#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/http/message.h"

namespace virga::dialects::aws::testing {

// A request that owns its text.
struct SignedRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  std::string* field(std::string_view name) {
    for (auto& [key, value] : fields) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  // Views into this and into `storage`.
  http::Request view(std::vector<http::Field>& storage) const {
    storage.clear();
    for (const auto& [name, value] : fields) storage.push_back({name, value});
    http::Request request;
    request.method = method;
    request.target = target;
    auto question = target.find('?');
    request.path = request.target.substr(0, question);
    request.has_query = question != std::string::npos;
    if (request.has_query) request.query = request.target.substr(question + 1);
    request.fields = storage;
    request.body = body;
    return request;
  }
};

}  // namespace virga::dialects::aws::testing
