#include "virga/sandbox/internal/report.h"

#include "virga/sandbox/internal/wire.h"

namespace virga::sandbox::wire {
namespace {

using std::chrono::microseconds;

constexpr std::size_t kMaxMessage = 4096;

void put_error(Writer& writer, const Error& error) {
  writer.put(static_cast<std::uint32_t>(error.code()));
  writer.put(std::string_view(error.message()).substr(0, kMaxMessage));
}

Error get_error(Reader& reader) {
  auto code = reader.get<std::uint32_t>();
  if (code > static_cast<std::uint32_t>(ErrorCode::Internal)) reader.refuse();
  std::string message = reader.text(kMaxMessage);
  return Error(static_cast<ErrorCode>(code), std::move(message));
}

microseconds get_time(Reader& reader) {
  return microseconds(reader.get<std::int64_t>());
}

Phases get_phases(Reader& reader) {
  Phases p;
  for (auto* phase : {&p.namespaces, &p.cgroup, &p.mounts, &p.policy, &p.exec, &p.total}) *phase = get_time(reader);
  return p;
}

struct Encoder {
  Writer& writer;

  void put(microseconds time) { writer.put(static_cast<std::int64_t>(time.count())); }

  void put(const Phases& p) {
    for (auto phase : {p.namespaces, p.cgroup, p.mounts, p.policy, p.exec, p.total}) put(phase);
  }

  void operator()(const Started& event) {
    writer.put(event.id);
    put(event.phases);
  }
  void operator()(const StartFailed& event) {
    writer.put(event.id);
    put_error(writer, event.error);
  }
  void operator()(const Ended& event) {
    writer.put(event.id);
    writer.put(static_cast<std::uint32_t>(event.reason));
    writer.put(static_cast<std::int32_t>(event.status));
    writer.put(event.peak_memory_bytes);
    put(event.cpu_time);
    writer.put(event.oom_kills);
  }
  void operator()(const Usage& event) {
    writer.put(event.id);
    writer.put(event.memory_bytes);
    writer.put(event.peak_memory_bytes);
    put(event.cpu_time);
    writer.put(event.processes);
  }
  void operator()(const Hello& hello) {
    writer.put(static_cast<std::uint32_t>(hello.is_root));
    writer.put(static_cast<std::uint32_t>(hello.has_cgroups));
  }
  void operator()(const Unable& unable) { put_error(writer, unable.error); }
  void operator()(const Bound& event) {
    writer.put(event.id);
    put(event.phases);
  }
  void operator()(const BindFailed& event) {
    writer.put(event.id);
    put_error(writer, event.error);
  }
  void operator()(const HelperStarted& started) { writer.put(started.pid); }
  void operator()(const Notice& notice) { writer.put(std::string_view(notice.text).substr(0, kMaxMessage)); }
};

}  // namespace

std::string encode(const Report& report) {
  Writer writer;
  writer.put(static_cast<std::uint32_t>(report.index()));
  std::visit(Encoder{writer}, report);
  return writer.take();
}

Result<Report> decode_report(std::string_view bytes) {
  Reader reader(bytes);
  auto index = reader.get<std::uint32_t>();
  Report report;
  switch (index) {
    case 0: {
      Started event;
      event.id = reader.get<std::uint64_t>();
      event.phases = get_phases(reader);
      report = std::move(event);
      break;
    }
    case 1: {
      auto id = reader.get<std::uint64_t>();
      report = StartFailed{id, get_error(reader)};
      break;
    }
    case 2: {
      Ended event;
      event.id = reader.get<std::uint64_t>();
      auto reason = reader.get<std::uint32_t>();
      if (reason > static_cast<std::uint32_t>(EndReason::Killed)) reader.refuse();
      event.reason = static_cast<EndReason>(reason);
      event.status = reader.get<std::int32_t>();
      event.peak_memory_bytes = reader.get<std::uint64_t>();
      event.cpu_time = get_time(reader);
      event.oom_kills = reader.get<std::uint32_t>();
      report = event;
      break;
    }
    case 3: {
      Usage event;
      event.id = reader.get<std::uint64_t>();
      event.memory_bytes = reader.get<std::uint64_t>();
      event.peak_memory_bytes = reader.get<std::uint64_t>();
      event.cpu_time = get_time(reader);
      event.processes = reader.get<std::uint32_t>();
      report = event;
      break;
    }
    case 4: {
      Hello hello;
      hello.is_root = reader.get<std::uint32_t>() != 0;
      hello.has_cgroups = reader.get<std::uint32_t>() != 0;
      report = hello;
      break;
    }
    case 5:
      report = Unable{get_error(reader)};
      break;
    case 6:
      report = HelperStarted{reader.get<std::int32_t>()};
      break;
    case 7: {
      Bound event;
      event.id = reader.get<std::uint64_t>();
      event.phases = get_phases(reader);
      report = std::move(event);
      break;
    }
    case 8: {
      auto id = reader.get<std::uint64_t>();
      report = BindFailed{id, get_error(reader)};
      break;
    }
    case 9:
      report = Notice{reader.text(kMaxMessage)};
      break;
    default:
      reader.refuse();
  }
  if (!reader.ok() || !reader.at_end())
    return fail(ErrorCode::Internal, "the helper sent a report that cannot be read");
  return report;
}

}  // namespace virga::sandbox::wire
