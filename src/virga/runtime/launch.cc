#include "virga/runtime/launch.h"

#include <sys/socket.h>

#include "virga/os/socket.h"

namespace virga::runtime {
namespace {

// Both ends of what a process that starts has to speak with.
struct Ends {
  os::Descriptor inner_frames;
  os::Descriptor inner_output;
  std::unique_ptr<FramesChannel> frames;
  io::Stream output;

  // The sandbox gets copies: once its process has them, these are closed, so that its end is the end of the streams.
  sandbox::Channels channels() const {
    sandbox::Channels channels;
    channels.frames = inner_frames.get();
    channels.output = inner_output.get();
    channels.errors = inner_output.get();
    return channels;
  }
};

Result<Ends> make_ends(io::Loop& loop, const std::string& bind, ContractSink& sink) {
  VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_STREAM));
  VIRGA_TRY_ASSIGN(auto pipe, os::make_pipe());
  VIRGA_TRY_ASSIGN(auto stream, io::Stream::adopt(loop, std::move(sockets.first)));
  VIRGA_TRY_ASSIGN(auto output, io::Stream::adopt(loop, std::move(pipe.reader)));
  auto frames = std::make_unique<FramesChannel>(std::move(stream), sink);
  if (!bind.empty()) frames->bind(bind);
  return Ends{std::move(sockets.second), std::move(pipe.writer), std::move(frames), std::move(output)};
}

io::Task<Result<Launched>> finish(Ends ends, Result<sandbox::Started> started) {
  if (!started) {
    co_await ends.frames->stop();
    co_return fail(std::move(started).error());
  }
  ends.inner_frames.reset();
  ends.inner_output.reset();
  ends.frames->start();
  co_return Launched{std::move(ends.frames), std::move(ends.output), std::move(started->listener)};
}

}  // namespace

io::Task<Result<Launched>> launch(io::Loop& loop, Sandboxes& sandboxes, sandbox::Spec spec, std::string bind,
                                  ContractSink& sink, Sandboxes::OnEnded on_ended) {
  VIRGA_CO_TRY_ASSIGN(auto ends, make_ends(loop, bind, sink));
  auto started = co_await sandboxes.start(std::move(spec), ends.channels(), std::move(on_ended));
  auto finished = finish(std::move(ends), std::move(started));
  auto launched = co_await std::move(finished);
  co_return launched;
}

io::Task<Result<Launched>> launch_fork(io::Loop& loop, Sandboxes& sandboxes, sandbox::Fork fork, std::string bind,
                                       ContractSink& sink, Sandboxes::OnEnded on_ended) {
  VIRGA_CO_TRY_ASSIGN(auto ends, make_ends(loop, bind, sink));
  auto started = co_await sandboxes.fork(fork, ends.channels(), std::move(on_ended));
  auto finished = finish(std::move(ends), std::move(started));
  auto launched = co_await std::move(finished);
  co_return launched;
}

}  // namespace virga::runtime
