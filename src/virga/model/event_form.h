#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace virga::model {

// The JSON text of an event without what differs from call to call: a client's requests to one address make the same
// one. It is valid JSON itself, with "" and 0 where something is to be filled in. Shared by the calls that were made
// with it, and never changed.
struct EventForm {
  // Unlike that of any other form; 0: it was made for one call.
  std::uint64_t number = 0;
  std::string text;
  bool is_ascii = false;
  // Where each is filled in, in this order in the text: between the two quotes, or in place of the 0.
  std::size_t trace_at = 0;
  std::size_t id_at = 0;
  std::size_t time_at = 0;
  std::size_t time_ms_at = 0;
  std::size_t body_at = 0;  // in place of the ""; 0: it has no body
};

// What is filled in, beside the ids of the invocation.
struct EventFilling {
  std::array<char, 26> time{};  // "12/Mar/2020:19:03:58 +0000"
  std::int64_t time_ms = 0;     // since 1970
  std::string_view time_text() const { return {time.data(), time.size()}; }
};

// Appends the whole event. The ids are ASCII that needs no escape, the body is a JSON string with its quotes.
void append_filled(std::string& out, const EventForm& form, std::string_view trace, std::string_view id,
                   const EventFilling& filling, std::string_view body);

}  // namespace virga::model
