#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"
#include "virga/names/address.h"

// DNS messages as far as a filter needs them: RFC 1035 section 4, EDNS (RFC 6891), address hints in SVCB and HTTPS
// records (RFC 9460). Pure functions over hostile bytes; any thread. Numbers on the wire are big-endian.
namespace virga::names {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kPlainDatagram = 512;     // what a client takes that does not say otherwise (RFC 1035)
inline constexpr std::size_t kLargestDatagram = 1232;  // fits every path unfragmented (DNS flag day 2020)
inline constexpr std::size_t kLargestMessage = 65535;  // over TCP

enum class Code : std::uint8_t { None = 0, ServerFailed = 2, NoSuchName = 3, NotImplemented = 4, Refused = 5 };

struct Question {
  std::string name;  // as on the wire: labels behind their lengths, a zero byte at the end
  std::uint16_t type = 0;
};

// What a function asks: one question of class IN, nothing else but an EDNS record.
struct Query {
  std::uint16_t id = 0;
  Question question;
  bool has_edns = false;
  std::size_t most = kPlainDatagram;  // bytes of an answer in one datagram
};
Result<Query> parse_query(std::string_view bytes);

// The same question as this program asks it, recursion desired, under another id.
std::string encode_query(const Query& query, std::uint16_t id);

struct Answer {
  Code code = Code::None;
  bool is_cut = false;             // more over TCP
  std::vector<Address> addresses;  // in every section and every record that holds any
};
// InvalidArgument: these bytes are no whole answer to this query; over UDP, somebody else's.
Result<Answer> parse_answer(std::string_view bytes, const Query& query, std::uint16_t id);

// An answer without records.
std::string encode_empty_answer(const Query& query, Code code);
// One that says "ask again over TCP".
std::string encode_cut_answer(const Query& query);
// Puts another id into a message.
void set_id(std::string& message, std::uint16_t id);

// "www.example.org", with anything but letters, digits, "-" and "_" as "?"; for the log.
std::string readable(const Question& question);

}  // namespace virga::names
