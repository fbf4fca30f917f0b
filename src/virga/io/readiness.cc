#include "virga/io/readiness.h"

#include <utility>

#include "virga/base/assert.h"
#include "virga/os/socket.h"

namespace virga::io {

Result<std::unique_ptr<Readiness>> Readiness::create(Loop& loop, os::Descriptor descriptor) {
  VIRGA_TRY(os::set_nonblocking(descriptor));
  std::unique_ptr<Readiness> readiness(new Readiness(loop, std::move(descriptor)));
  readiness->watch_.fd = readiness->descriptor_.get();
  readiness->watch_.owner = readiness.get();
  readiness->watch_.ready = [](internal::Watch& watch) {
    auto* owner = static_cast<OwnedWatch&>(watch).owner;
    if (watch.ended && owner->on_end_) std::exchange(owner->on_end_, nullptr)();
    // The reader may close and destroy the whole thing: the writer is woken first and only marked.
    if (watch.writable && owner->writer_ != nullptr) owner->writer_->finish(Awaiter::End::Ready);
    if (watch.readable && owner->reader_ != nullptr) owner->reader_->finish(Awaiter::End::Ready);
  };
  VIRGA_TRY(loop.watch(readiness->watch_));
  return readiness;
}

Readiness::~Readiness() {
  close();
}

void Readiness::close() {
  if (!descriptor_.valid()) return;
  loop_.unwatch(watch_);
  descriptor_.reset();
  if (on_end_) std::exchange(on_end_, nullptr)();
  if (writer_ != nullptr) writer_->finish(Awaiter::End::Closed);
  if (reader_ != nullptr) reader_->finish(Awaiter::End::Closed);
}

void Readiness::on_end(std::function<void()> work) {
  on_end_ = std::move(work);
  if (on_end_ && (watch_.ended || !descriptor_.valid())) std::exchange(on_end_, nullptr)();
}

bool Readiness::Awaiter::await_ready() const {
  if (!owner_.descriptor_.valid()) return true;
  return side_ == Side::Read ? owner_.watch_.readable : owner_.watch_.writable;
}

void Readiness::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  auto*& place = side_ == Side::Read ? owner_.reader_ : owner_.writer_;
  VIRGA_ASSERT(place == nullptr);
  place = this;
  handle_ = handle;
  if (!deadline_.is_never()) {
    expired = [](TimerNode& node) { static_cast<Awaiter&>(node).finish(End::Late); };
    owner_.loop_.arm(*this, deadline_);
  }
}

void Readiness::Awaiter::finish(End end) {
  (side_ == Side::Read ? owner_.reader_ : owner_.writer_) = nullptr;
  owner_.loop_.disarm(*this);
  end_ = end;
  // Not resumed from here: whoever called (a close, the other side's event) still uses the owner.
  owner_.loop_.resume_soon(handle_);
}

Result<> Readiness::Awaiter::await_resume() {
  // The owner may be gone by now when it was closed: only this awaiter's own state is looked at.
  if (end_ == End::Late) return fail(ErrorCode::DeadlineExceeded, "the wait took too long");
  if (end_ == End::Closed) return fail(ErrorCode::Cancelled, "closed while waiting");
  return {};
}

}  // namespace virga::io
