#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// DNS messages put together by hand, well formed and not, for tests.
namespace virga::names::testing {

inline std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

// "www.example.org" as on the wire.
inline std::string wire_name(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    auto label = text.substr(0, text.find('.'));
    bytes += static_cast<char>(label.size());
    bytes += label;
    text.remove_prefix(label.size() < text.size() ? label.size() + 1 : label.size());
  }
  return bytes + '\0';
}

struct Record {
  std::uint16_t type = 1;
  std::string data;
  std::string name = "\xc0\x0c";  // a pointer to the question
};

struct Message {
  std::uint16_t id = 7;
  std::uint16_t flags = 0x0100;
  std::string name = wire_name("www.example.org");
  std::uint16_t type = 1;
  std::uint16_t question_class = 1;
  std::size_t questions = 1;
  std::vector<Record> answers;
  std::vector<Record> authorities;
  std::vector<Record> additions;

  std::string bytes() const {
    std::string text = number(id) + number(flags) + number(questions) + number(answers.size()) +
                       number(authorities.size()) + number(additions.size());
    for (std::size_t i = 0; i < questions; ++i) text += name + number(type) + number(question_class);
    for (const auto* section : {&answers, &authorities, &additions}) {
      for (const auto& record : *section) {
        text += record.name + number(record.type) + number(1) + std::string("\0\0\0\x3c", 4) +
                number(record.data.size()) + record.data;
      }
    }
    return text;
  }
};

// An EDNS record as clients send it: the class is the size they take, and ours says 1 otherwise.
inline std::string edns(std::uint16_t size) {
  return std::string(1, '\0') + number(41) + number(size) + std::string(6, '\0');
}

inline std::string v4(int a, int b, int c, int d) {
  return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
}

}  // namespace virga::names::testing
