#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/dialects/aws/s3/call.h"

// Which pages of other origins may read a bucket (S3 user guide, "Using cross-origin resource sharing").
namespace virga::dialects::aws::s3 {

struct CorsRule {
  std::string id;
  std::vector<std::string> origins;  // with one '*' at most
  std::vector<std::string> methods;
  std::vector<std::string> headers;  // likewise
  std::vector<std::string> exposed;
  std::optional<std::string> max_age;
};

Answer<std::vector<CorsRule>> read_cors(const XmlNode& configuration);
std::string write_cors(const std::vector<CorsRule>& rules);

// The first rule that allows it; null: none does. `headers` are those that the request will have, by commas.
const CorsRule* find_rule(const std::vector<CorsRule>& rules, std::string_view origin, std::string_view method,
                          std::string_view headers);

// An OPTIONS request before another one.
http::Response answer_preflight(const object::Bucket* bucket, const http::Request& request,
                                const std::string& request_id);
// Tells the browser what the page may do with this response.
void apply_cors(http::Response& response, const object::Bucket& bucket, const http::Request& request);

}  // namespace virga::dialects::aws::s3
