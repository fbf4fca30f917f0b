#include "virga/dialects/aws/url/forms.h"

#include <functional>
#include <string_view>
#include <utility>

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kEntries = 256;  // a power of two
constexpr std::size_t kMaxKey = 4096;  // with its form some 10 KB: what is larger is made anew each time

}  // namespace

UrlForms::UrlForms(std::uint64_t first_number) : entries_(kEntries), next_number_(first_number) {}

// No part but the last may hold a zero byte: a head, an address and a name have none.
bool UrlForms::write_key(const UrlEvent& event, UrlBody body) {
  const auto& request = event.request;
  if (request.head.empty() || request.head.size() > kMaxKey || event.caller != nullptr) return false;
  key_.assign(request.head).append(1, '\0').append(request.peer).append(1, '\0');
  key_.append(event.url_id).append(1, '\0').append(event.path).append(1, static_cast<char>(body));
  return true;
}

std::shared_ptr<const model::EventForm> UrlForms::of(const UrlEvent& event, UrlBody body) {
  if (!write_key(event, body)) return std::make_shared<model::EventForm>(make_url_form(event, body));
  auto& entry = entries_[std::hash<std::string_view>()(key_) % kEntries];
  if (entry.form == nullptr || entry.key != key_) {
    auto made = std::make_shared<model::EventForm>(make_url_form(event, body));
    made->number = next_number_++;
    if (made->number == 0) made->number = next_number_++;
    entry = {key_, std::move(made)};
  }
  return entry.form;
}

}  // namespace virga::dialects::aws
