#include "virga/model/event_form.h"

#include <charconv>

namespace virga::model {

void append_filled(std::string& out, const EventForm& form, std::string_view trace, std::string_view id,
                   const EventFilling& filling, std::string_view body) {
  std::string_view text = form.text;
  std::size_t at = 0;
  // `skip`: how many bytes stand there instead.
  auto fill = [&](std::size_t place, std::string_view value, std::size_t skip) {
    out.append(text.substr(at, place - at)).append(value);
    at = place + skip;
  };
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, filling.time_ms).ptr;
  out.reserve(out.size() + text.size() + trace.size() + id.size() + filling.time.size() + sizeof digits + body.size());
  fill(form.trace_at, trace, 0);
  fill(form.id_at, id, 0);
  fill(form.time_at, filling.time_text(), 0);
  fill(form.time_ms_at, {digits, static_cast<std::size_t>(end - digits)}, 1);
  if (form.body_at != 0) fill(form.body_at, body, 2);
  out.append(text.substr(at));
}

}  // namespace virga::model
