#pragma once

#include <memory>
#include <string>

#include "virga/io/loop.h"
#include "virga/io/stream.h"
#include "virga/io/task.h"
#include "virga/os/descriptor.h"
#include "virga/runtime/contracts/frames_channel.h"
#include "virga/runtime/contracts/sink.h"
#include "virga/runtime/sandboxes.h"

namespace virga::runtime {

// Virga's side of a process that was started in a sandbox: its frames, what it writes, and its sandbox's listener if
// one was asked for. `frames` has been started and must be stopped.
struct Launched {
  std::unique_ptr<FramesChannel> frames;
  io::Stream output;
  os::Descriptor listener;
};

// Starts the process of `spec`, whose id came from Sandboxes::next_id(). `bind` lies in its socket when it begins to
// read; "": none. `sink` outlives the frames or is replaced before. On an error nothing is left.
io::Task<Result<Launched>> launch(io::Loop& loop, Sandboxes& sandboxes, sandbox::Spec spec, std::string bind,
                                  ContractSink& sink, Sandboxes::OnEnded on_ended);

// Likewise of a fork of a template that runs.
io::Task<Result<Launched>> launch_fork(io::Loop& loop, Sandboxes& sandboxes, sandbox::Fork fork, std::string bind,
                                       ContractSink& sink, Sandboxes::OnEnded on_ended);

}  // namespace virga::runtime
