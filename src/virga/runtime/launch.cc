#include "virga/runtime/launch.h"

#include <sys/socket.h>

#include "virga/os/socket.h"

namespace virga::runtime {

io::Task<Result<Launched>> launch(io::Loop& loop, Sandboxes& sandboxes, sandbox::Spec spec, std::string bind,
                                  ContractSink& sink, Sandboxes::OnEnded on_ended) {
  VIRGA_CO_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_STREAM));
  VIRGA_CO_TRY_ASSIGN(auto pipe, os::make_pipe());
  sandbox::Channels channels;
  channels.frames = sockets.second.get();
  channels.output = pipe.writer.get();
  channels.errors = pipe.writer.get();
  VIRGA_CO_TRY_ASSIGN(auto stream, io::Stream::adopt(loop, std::move(sockets.first)));
  VIRGA_CO_TRY_ASSIGN(auto output, io::Stream::adopt(loop, std::move(pipe.reader)));
  auto frames = std::make_unique<FramesChannel>(std::move(stream), sink);
  if (!bind.empty()) frames->bind(bind);
  auto started = co_await sandboxes.start(std::move(spec), channels, std::move(on_ended));
  if (!started) {
    co_await frames->stop();
    co_return fail(std::move(started).error());
  }
  // The sandbox has its own copies: with these closed, the end of the process is the end of the streams.
  sockets.second.reset();
  pipe.writer.reset();
  frames->start();
  co_return Launched{std::move(frames), std::move(output), std::move(started->listener)};
}

}  // namespace virga::runtime
