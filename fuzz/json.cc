// JSON without a tree, and what reads functions' answers with it. The cursor must agree with Boost.JSON on what is
// JSON, and what the writer makes of any bytes must be JSON again.
#include <boost/json.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

#include "virga/dialects/aws/url/response.h"
#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace {

using namespace virga;
using namespace virga::dialects;

void require(bool holds) {
  if (!holds) std::abort();
}

bool boost_takes(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = json::Cursor::kMaxDepth;
  boost::json::error_code problem;
  boost::json::parse(boost::json::string_view(text.data(), text.size()), problem, {}, options);
  return !problem;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  bool valid = json::validate(text).has_value();
  // Boost refuses escapes of lone surrogates, which RFC 8259 allows, and numbers beyond its exponents.
  if (boost_takes(text)) require(valid);
  if (valid && text.find("\\u") == std::string_view::npos && text.find_first_of("eE") == std::string_view::npos) {
    require(boost_takes(text));
  }

  std::string written;
  json::append_string(written, text);
  require(json::validate(written).has_value() && boost_takes(written));
  json::Cursor cursor(written);
  std::string read;
  require(cursor.read_string(read) && cursor.finish());

  std::string fields;
  if (auto response = aws::to_http_response(std::string(text), fields)) {
    require(valid && response->status >= 200 && response->status <= 599);
    require(response->fields.empty() || response->fields.ends_with("\r\n"));
  }
  return 0;
}
