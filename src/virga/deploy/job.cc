#include "virga/deploy/job.h"

#include "virga/io/stream.h"
#include "virga/os/socket.h"

namespace virga::deploy {

io::Task<Result<JobEnd>> run_job(io::Loop& loop, runtime::Sandboxes& sandboxes, sandbox::Spec spec, int frames,
                                 std::chrono::seconds time_limit) {
  VIRGA_CO_TRY_ASSIGN(auto pipe, os::make_pipe());
  sandbox::Channels channels;
  channels.frames = frames;
  channels.output = pipe.writer.get();
  channels.errors = pipe.writer.get();
  auto id = spec.id = sandboxes.next_id();
  JobEnd end;
  io::Timer limit(loop);
  limit.start(io::Deadline::in(loop, time_limit), [&] {
    end.is_late = true;
    sandboxes.kill(id);
  });
  auto ended = co_await sandboxes.run(std::move(spec), channels);
  limit.cancel();
  if (!ended) co_return fail(std::move(ended).error());
  end.ended = *ended;
  pipe.writer.reset();
  VIRGA_CO_TRY_ASSIGN(auto stream, io::Stream::adopt(loop, std::move(pipe.reader)));
  char text[4096];
  if (auto size = co_await stream.read_some(text)) end.said.assign(text, *size);
  while (!end.said.empty() && end.said.back() == '\n') end.said.pop_back();
  co_return end;
}

}  // namespace virga::deploy
