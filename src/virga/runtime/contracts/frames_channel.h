#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "virga/io/stream.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/model/invocation.h"
#include "virga/runtime/contracts/frames.h"
#include "virga/runtime/contracts/sink.h"

namespace virga::runtime {

// One process's frames socket. What is sent within one round of the loop goes out in one write. One loop; the sink
// outlives it, and `stop` is awaited before it is destroyed.
class FramesChannel {
 public:
  FramesChannel(io::Stream stream, ContractSink& sink);

  void start();
  // From here on `sink` is told what the process says; it outlives this in the place of the one before.
  void set_sink(ContractSink& sink) { sink_ = &sink; }
  void bind(std::string_view body);
  void rehearse();
  void invoke(std::uint64_t number, const model::Invocation& invocation, std::int64_t deadline_unix_ms);
  void end();
  io::Task<void> stop();

 private:
  io::Task<void> read();
  io::Task<void> write_rest();
  void flush_later();
  void flush();

  io::Stream stream_;
  ContractSink* sink_;
  io::TaskGroup tasks_;
  std::string out_;
  std::size_t written_ = 0;  // of out_
  // The forms of events that were given last, each in the place where the process keeps it. Whatever comes once is
  // not worth being kept, so it is told a form when that comes for the second time.
  struct GivenForm {
    std::uint64_t number = 0;
    bool is_told = false;
  };
  std::array<GivenForm, kForms> forms_{};
  bool takes_forms_ = false;
  bool flush_planned_ = false;
  bool writing_ = false;                                        // write_rest runs
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by work planned for the end of a round
};

}  // namespace virga::runtime
