// Heads and chunked bodies of HTTP/1.1. Whatever the bytes are, the way they arrive must not change what they mean, and
// what is accepted must be plain to every other parser.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/http/internal/chunked.h"
#include "virga/http/internal/head_parser.h"

namespace {

using namespace virga::http::internal;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  Progress progress = Progress::NeedMore;
  int status = 0;
  std::size_t head = 0;
  std::string fields;
  bool operator==(const Outcome&) const = default;
};

void check_accepted(std::string_view head, const Head& parsed, HeadParser::Kind kind) {
  require(head.ends_with("\r\n\r\n"));
  require(head.find('\0') == std::string_view::npos);
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\n') require(i > 0 && head[i - 1] == '\r');
    if (head[i] == '\r') require(i + 1 < head.size() && head[i + 1] == '\n');
  }
  require(head.find("\n ") == std::string_view::npos && head.find("\n\t") == std::string_view::npos);
  int hosts = 0;
  int framings = 0;
  for (const auto& field : parsed.fields) {
    require(field.name.data() >= head.data() && field.value.data() + field.value.size() <= head.data() + head.size());
    std::string name(field.name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name == "host") ++hosts;
    if (name == "content-length" || name == "transfer-encoding") ++framings;
  }
  require(framings <= 1 && (framings == 1) == (parsed.framing != Framing::None));
  if (kind == HeadParser::Kind::Response) return;
  require(hosts == 1 || (hosts == 0 && parsed.minor_version == 0));
  require(parsed.path == "*" || parsed.path.starts_with('/'));
  require(parsed.path.find('?') == std::string_view::npos);
}

// Gives the parser a copy of the bytes that is as long as they are, so that a sanitizer sees what reads beyond.
Outcome parse(std::string_view bytes, HeadParser::Kind kind, std::size_t step) {
  HeadParser parser(kind, Bounds{512, 2048, 20});
  Outcome outcome;
  auto copy = std::make_unique<char[]>(bytes.size() + 1);
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  for (std::size_t size = std::min(step, bytes.size());; size = std::min(size + step, bytes.size())) {
    outcome.progress = parser.parse({copy.get(), size});
    if (outcome.progress != Progress::NeedMore || size == bytes.size()) break;
  }
  outcome.status = parser.refusal().status;
  if (outcome.progress != Progress::Done) return outcome;
  outcome.head = parser.size();
  require(outcome.head <= bytes.size());
  check_accepted({copy.get(), outcome.head}, parser.head(), kind);
  const auto& head = parser.head();
  for (const auto& field : head.fields) outcome.fields.append(field.name).append("=").append(field.value).append(";");
  outcome.fields.append(head.method).append(" ").append(head.path).append("?").append(head.query);
  outcome.fields += std::to_string(head.content_length) + std::to_string(static_cast<int>(head.framing));
  return outcome;
}

struct Joined {
  Progress progress = Progress::NeedMore;
  int status = 0;
  std::size_t used = 0;
  std::string body;
  bool operator==(const Joined&) const = default;
};

Joined join(std::string_view bytes, std::size_t step) {
  ChunkedDecoder decoder(4096, 512);
  Joined joined;
  while (joined.progress == Progress::NeedMore && joined.used < bytes.size()) {
    std::size_t used = 0;
    auto piece = bytes.substr(joined.used, step);
    joined.progress = decoder.feed(piece, joined.body, used);
    require(used <= piece.size());
    joined.used += used;
    if (joined.progress == Progress::NeedMore) require(used == piece.size());
  }
  joined.status = decoder.refusal().status;
  require(joined.body.size() <= 4096);
  if (joined.progress == Progress::Done) require(bytes.substr(0, joined.used).ends_with("\r\n\r\n"));
  // What was joined before a refusal depends on the pieces, and nobody looks at it.
  if (joined.progress == Progress::Refused) joined.used = 0, joined.body.clear();
  return joined;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (auto kind : {HeadParser::Kind::Request, HeadParser::Kind::Response}) {
    auto whole = parse(bytes, kind, bytes.size() + 1);
    auto by_byte = parse(bytes, kind, 1);
    // Pieces may show earlier that a line is too long; nothing else may differ.
    require(whole == by_byte || (whole.progress == Progress::Refused && by_byte.progress == Progress::Refused));
    require(whole == parse(bytes, kind, 7) || whole.progress == Progress::Refused);
    if (whole.progress == Progress::Done) bytes.size() > whole.head ? (void)join(bytes.substr(whole.head), 3) : (void)0;
  }
  auto whole = join(bytes, bytes.size() + 1);
  require(whole == join(bytes, 1));
  require(whole == join(bytes, 5));
  return 0;
}
