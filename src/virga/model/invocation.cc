#include "virga/model/invocation.h"

namespace virga::model {

void append_event(std::string& out, const Invocation& invocation) {
  if (invocation.form == nullptr) {
    out.append(invocation.payload);
  } else {
    append_filled(out, *invocation.form, invocation.trace_id, invocation.id.text(), invocation.filling,
                  invocation.payload);
  }
}

}  // namespace virga::model
