#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "virga/dialects/aws/url/event.h"
#include "virga/model/event_form.h"

namespace virga::dialects::aws {

// The forms of the events of late: a client sends the same head again and again, so most events were made before, up
// to what is filled in. A form is found by the bytes it was made of, all of them. One loop.
class UrlForms {
 public:
  // Forms are numbered from there on: a number drawn by lot, so that those of two makers never meet.
  explicit UrlForms(std::uint64_t first_number);

  // The form of this event. One made for one call, without a number, where the head is large, says who signed it, or
  // was not made of bytes (in tests).
  std::shared_ptr<const model::EventForm> of(const UrlEvent& event, UrlBody body);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const model::EventForm> form;
  };
  bool write_key(const UrlEvent& event, UrlBody body);

  std::vector<Entry> entries_;
  std::string key_;  // of the event that is looked for
  std::uint64_t next_number_;
};

}  // namespace virga::dialects::aws
