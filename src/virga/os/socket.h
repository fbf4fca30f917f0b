#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::os {

// Every descriptor made here is close-on-exec.
Result<std::pair<Descriptor, Descriptor>> socket_pair(int type);  // AF_UNIX; SOCK_STREAM, SOCK_SEQPACKET
struct Pipe {
  Descriptor reader;
  Descriptor writer;
};
Result<Pipe> make_pipe();
Result<> set_nonblocking(const Descriptor& descriptor);

// One message over a SOCK_SEQPACKET pair, with at most kMaxPassedDescriptors beside the bytes.
inline constexpr std::size_t kMaxPassedDescriptors = 16;
Result<> send_message(const Descriptor& socket, std::string_view bytes, std::span<const int> descriptors = {});

struct Message {
  std::size_t size = 0;  // bytes put into the buffer; 0: the other side closed
  std::vector<Descriptor> descriptors;
};
// Blocks unless the socket is non-blocking; then Unavailable says "nothing yet". A message longer than the buffer is an
// error, and so are more descriptors than allowed.
Result<Message> receive_message(const Descriptor& socket, std::span<char> buffer);

}  // namespace virga::os
