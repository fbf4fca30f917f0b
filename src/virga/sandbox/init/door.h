#pragma once

// What the helper and the first process of a template say to each other (docs/forks.md). Shared by C without a library
// and C++; numbers travel in the machine's own order.

// The helper's orders: one unsigned int.
enum {
  DoorLeave = 1,   // a directory comes along: it becomes the root of this process and of the program
  DoorReturn = 2,  // the template's own root is that again
};

// The answer to each.
struct DoorAnswer {
  unsigned order;
  int error;  // 0, or a negative errno
};

// A process that ended as a child of the first one, once the program, whose children the forks are, has ended.
struct DoorReaped {
  unsigned kind;
  int pid;  // as it is called in the sandbox
  int status;
};
enum { DoorTellsReaped = 3 };
