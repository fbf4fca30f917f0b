#include "virga/names/message.h"

#include <algorithm>
#include <optional>

namespace virga::names {
namespace {

constexpr std::uint16_t kAnswerFlag = 0x8000;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kCutFlag = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCodeMask = 0x000f;

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kSvcb = 64;
constexpr std::uint16_t kHttps = 65;
// Questions about the transfer of zones and about the server itself; none is a function's business.
constexpr std::uint16_t kFirstMeta = 249;
constexpr std::uint16_t kLastMeta = 255;
constexpr std::uint16_t kInternet = 1;

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestLabel = 63;

std::unexpected<Error> refuse(const char* why) {
  return fail(ErrorCode::InvalidArgument, why);
}

// Reads forward only; the caller checks ok() before it believes anything.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t byte() {
    if (at_ >= bytes_.size()) {
      ok_ = false;
      return 0;
    }
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint16_t number() {
    auto high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    auto taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  // A name without compression, as it stands.
  std::string plain_name() {
    std::size_t begin = at_;
    while (ok_) {
      auto length = byte();
      if (length > kLongestLabel || at_ - begin > kLongestName) ok_ = false;
      if (length == 0) break;
      (void)take(length);
    }
    if (at_ - begin > kLongestName) ok_ = false;
    return ok_ ? std::string(bytes_.substr(begin, at_ - begin)) : std::string();
  }
  // A name that may end with a pointer to an earlier place. What it says is not needed, so no pointer is followed.
  void skip_name() {
    std::size_t begin = at_;
    while (ok_) {
      auto length = byte();
      if (length >= 0xc0) {
        auto target = static_cast<std::size_t>((length & 0x3f) << 8 | byte());
        if (target >= begin || target < kHeaderSize) ok_ = false;
        return;
      }
      if (length > kLongestLabel || at_ - begin > kLongestName) ok_ = false;
      if (length == 0) return;
      (void)take(length);
    }
  }

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

void put(std::string& bytes, std::uint16_t number) {
  bytes += static_cast<char>(number >> 8);
  bytes += static_cast<char>(number & 0xff);
}

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additions = 0;
};

Header read_header(Reader& reader) {
  Header header;
  for (auto* field :
       {&header.id, &header.flags, &header.questions, &header.answers, &header.authorities, &header.additions}) {
    *field = reader.number();
  }
  return header;
}

void put(std::string& bytes, const Header& header) {
  for (auto field : {header.id, header.flags, header.questions, header.answers, header.authorities, header.additions}) {
    put(bytes, field);
  }
}

void put(std::string& bytes, const Question& question) {
  bytes += question.name;
  put(bytes, question.type);
  put(bytes, kInternet);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Lengths of labels are below 64 and so no letters.
bool same_name(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (lower(one[i]) != lower(other[i])) return false;
  }
  return true;
}

void take_addresses(std::string_view bytes, std::size_t each, std::vector<Address>& addresses) {
  for (; !bytes.empty(); bytes.remove_prefix(each)) {
    addresses.push_back(each == 4 ? Address::v4(bytes) : Address::v6(bytes));
  }
}

// RFC 9460: priority, target, then parameters in rising order of their keys.
bool take_hints(std::string_view data, std::vector<Address>& addresses) {
  constexpr std::uint16_t kIpv4Hint = 4;
  constexpr std::uint16_t kIpv6Hint = 6;
  Reader reader(data);
  (void)reader.number();
  (void)reader.plain_name();
  int last = -1;
  while (reader.ok() && !reader.at_end()) {
    auto key = reader.number();
    auto value = reader.take(reader.number());
    if (!reader.ok() || key <= last) return false;
    last = key;
    if (key != kIpv4Hint && key != kIpv6Hint) continue;
    std::size_t each = key == kIpv4Hint ? 4 : 16;
    if (value.empty() || value.size() % each != 0) return false;
    take_addresses(value, each, addresses);
  }
  return reader.ok();
}

bool take_record(Reader& reader, std::vector<Address>& addresses) {
  reader.skip_name();
  auto type = reader.number();
  (void)reader.number();  // class
  (void)reader.take(4);   // time to live
  auto data = reader.take(reader.number());
  if (!reader.ok()) return false;
  switch (type) {
    case kA:
    case kAaaa: {
      std::size_t size = type == kA ? 4 : 16;
      if (data.size() != size) return false;
      take_addresses(data, size, addresses);
      return true;
    }
    case kSvcb:
    case kHttps:
      return take_hints(data, addresses);
    default:
      return true;
  }
}

// The size a client's EDNS record allows; nullopt: this is no such record.
std::optional<std::size_t> read_edns(Reader& reader) {
  if (reader.byte() != 0 || reader.number() != kOpt) return std::nullopt;
  std::size_t size = reader.number();
  (void)reader.take(4);
  (void)reader.take(reader.number());
  if (!reader.ok()) return std::nullopt;
  return std::min(std::max(size, kPlainDatagram), kLargestDatagram);
}

}  // namespace

Result<Query> parse_query(std::string_view bytes) {
  Reader reader(bytes);
  Query query;
  Header header = read_header(reader);
  query.id = header.id;
  if ((header.flags & (kAnswerFlag | kOpcodeMask | kCutFlag)) != 0) return refuse("this is no plain query");
  if (header.questions != 1 || header.answers != 0 || header.authorities != 0 || header.additions > 1) {
    return refuse("a query holds one question and at most an EDNS record");
  }
  query.question.name = reader.plain_name();
  query.question.type = reader.number();
  if (reader.number() != kInternet) return refuse("the question is not of class IN");
  if (header.additions == 1) {
    auto size = read_edns(reader);
    if (!size) return refuse("the query's additional record is not EDNS");
    query.has_edns = true;
    query.most = *size;
  }
  if (!reader.ok()) return refuse("the query was cut short");
  if (!reader.at_end()) return refuse("the query has bytes after its end");
  if (query.question.type >= kFirstMeta && query.question.type <= kLastMeta) {
    return fail(ErrorCode::Unimplemented, "questions of this type are not answered");
  }
  return query;
}

std::string encode_query(const Query& query, std::uint16_t id) {
  std::string bytes;
  put(bytes, Header{id, kRecursionDesired, 1, 0, 0, static_cast<std::uint16_t>(query.has_edns ? 1 : 0)});
  put(bytes, query.question);
  if (query.has_edns) {
    bytes += '\0';  // the root
    put(bytes, kOpt);
    put(bytes, static_cast<std::uint16_t>(kLargestDatagram));
    bytes.append(6, '\0');  // extended code, version, flags; no data
  }
  return bytes;
}

Result<Answer> parse_answer(std::string_view bytes, const Query& query, std::uint16_t id) {
  Reader reader(bytes);
  Header header = read_header(reader);
  if (header.id != id || (header.flags & kAnswerFlag) == 0 || (header.flags & kOpcodeMask) != 0) {
    return refuse("this is no answer to the query");
  }
  Answer answer;
  answer.code = static_cast<Code>(header.flags & kCodeMask);
  answer.is_cut = (header.flags & kCutFlag) != 0;
  if (header.questions != 1) return refuse("the answer does not repeat its question");
  Question question;
  question.name = reader.plain_name();
  question.type = reader.number();
  if (reader.number() != kInternet || !reader.ok() || question.type != query.question.type ||
      !same_name(question.name, query.question.name)) {
    return refuse("the answer is to another question");
  }
  // Whoever asks again over TCP gets what is whole.
  if (answer.is_cut) return answer;
  std::size_t records = std::size_t{header.answers} + header.authorities + header.additions;
  for (std::size_t i = 0; i < records; ++i) {
    if (!take_record(reader, answer.addresses)) return refuse("a record of the answer cannot be read");
  }
  if (!reader.at_end()) return refuse("the answer has bytes after its end");
  return answer;
}

namespace {

std::string encode_without_records(const Query& query, std::uint16_t flags) {
  std::string bytes;
  auto all = static_cast<std::uint16_t>(kAnswerFlag | kRecursionDesired | kRecursionAvailable | flags);
  put(bytes, Header{query.id, all, 1, 0, 0, 0});
  put(bytes, query.question);
  return bytes;
}

}  // namespace

std::string encode_empty_answer(const Query& query, Code code) {
  return encode_without_records(query, static_cast<std::uint16_t>(code));
}

std::string encode_cut_answer(const Query& query) {
  return encode_without_records(query, kCutFlag);
}

void set_id(std::string& message, std::uint16_t id) {
  if (message.size() < 2) return;
  message[0] = static_cast<char>(id >> 8);
  message[1] = static_cast<char>(id & 0xff);
}

std::string readable(const Question& question) {
  std::string text;
  Reader reader(question.name);
  while (auto length = reader.byte()) {
    if (!text.empty()) text += '.';
    for (char c : reader.take(length)) {
      bool plain = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      text += plain ? c : '?';
    }
  }
  return text.empty() ? "." : text;
}

}  // namespace virga::names
