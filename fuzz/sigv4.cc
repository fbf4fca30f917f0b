// The verifier of AWS signatures. Bytes are read as a request: method, target, then "Name: value" lines, an empty line,
// and a body. No bytes may be believed: the key is random in each run, so whatever is taken is a forgery.
#include "virga/dialects/aws/sigv4.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace {

using namespace virga;
using namespace virga::dialects::aws;

class FixedClock : public Clock {
 public:
  SteadyTime steady() const override { return {}; }
  WallTime wall() const override { return sigv4::parse_time("20150830T123600Z").value_or(WallTime()); }
};

void require(bool condition) {
  if (!condition) std::abort();
}

std::string_view take_line(std::string_view& bytes) {
  auto end = bytes.find('\n');
  auto line = bytes.substr(0, end);
  bytes = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FixedClock clock;
  static const std::string secret = make_token(32);
  static SigV4Verifier verifier(
      [](std::string_view id) -> std::optional<AccessKey> {
        if (id != "AKIDEXAMPLE") return std::nullopt;
        return AccessKey{secret, "", {}};
      },
      clock);

  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // libFuzzer watches comparisons, and may learn the secret from those below: a message that quotes the input then
  // holds it without any leak.
  if (bytes.find(secret) != std::string_view::npos) return 0;
  http::Request request;
  request.method = take_line(bytes);
  request.target = take_line(bytes);
  auto question = request.target.find('?');
  request.path = request.target.substr(0, question);
  request.has_query = question != std::string_view::npos;
  if (request.has_query) request.query = request.target.substr(question + 1);
  std::vector<http::Field> fields;
  while (!bytes.empty()) {
    auto line = take_line(bytes);
    if (line.empty()) break;
    auto colon = line.find(':');
    if (colon == std::string_view::npos) break;
    fields.push_back({line.substr(0, colon), trim(line.substr(colon + 1))});
  }
  request.fields = fields;
  request.body = bytes;

  auto service = sigv4_service(request);
  if (!service.empty()) require(has_sigv4(request) || request.query.find("X-Amz-Credential") != std::string_view::npos);
  for (std::string_view name : {"lambda", "s3", "sts"}) {
    auto identity = verifier.verify(request, sigv4_rules(name));
    require(!identity.has_value());
    require(identity.error().status == 400 || identity.error().status == 403);
    require(!identity.error().code.empty() && !identity.error().message.empty());
    require(identity.error().message.find(secret) == std::string::npos);
  }
  // The canonical forms are fixed points.
  for (auto encoding : {PathEncoding::Once}) {
    auto path = sigv4::canonical_path(request.path, encoding);
    require(sigv4::canonical_path(path, encoding) == path);
  }
  auto query = sigv4::canonical_query(request.query);
  require(sigv4::canonical_query(query) == query);
  return 0;
}
