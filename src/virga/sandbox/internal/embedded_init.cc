#include "virga/sandbox/internal/image.h"

// The program's bytes, put here at build time. The path comes from the build.
__asm__(
    ".section .rodata.virga_init,\"a\",%progbits\n"
    ".balign 16\n"
    ".globl virga_init_begin\n"
    ".hidden virga_init_begin\n"
    "virga_init_begin:\n"
    ".incbin \"" VIRGA_IMAGE
    "\"\n"
    ".globl virga_init_end\n"
    ".hidden virga_init_end\n"
    "virga_init_end:\n"
    ".previous\n");

extern "C" {
extern const char kInitBegin[] asm("virga_init_begin");
extern const char kInitEnd[] asm("virga_init_end");
}

namespace virga::sandbox {

std::string_view embedded_init() {
  return {kInitBegin, static_cast<std::size_t>(kInitEnd - kInitBegin)};
}

}  // namespace virga::sandbox
