#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/result.h"

namespace virga::store {

// Changes that happen together or not at all, in the order they were added. A value; one thread at a time.
class Batch {
 public:
  struct Operation {
    enum class Kind { Put, Remove, RemoveRange };
    Kind kind;
    std::string key;    // RemoveRange: the first key
    std::string value;  // Put: the value; RemoveRange: the first key that stays
  };
  struct Precondition {
    std::string key;
    std::optional<std::string> value;  // nullopt: the key is absent
  };

  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);
  // Everything in [from, to).
  void remove_range(std::string_view from, std::string_view to);

  // The batch happens only if, at that moment, every precondition holds; otherwise commit answers PreconditionFailed.
  void require(std::string_view key, std::optional<std::string_view> value);

  // Adds what the other does, behind what this does.
  void append(Batch other);
  void add(Operation operation);
  // What it does, for somebody who makes another batch of it.
  std::vector<Operation> take_operations() { return std::exchange(operations_, {}); }

  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<Precondition>& preconditions() const { return preconditions_; }
  bool empty() const { return operations_.empty() && preconditions_.empty(); }

 private:
  std::vector<Operation> operations_;
  std::vector<Precondition> preconditions_;
};

struct Record {
  std::string key;
  std::string value;
  bool operator==(const Record&) const = default;
};

enum class Order { Ascending, Descending };

// Which keys to read. Keys are bytes and order as such.
struct Range {
  std::string prefix;  // only keys that begin with it
  // Ascending: only keys after this one; descending: only keys before it. Empty: from the edge. A reader of a queue
  // must give the last key it consumed: seeking over removed keys costs time for each of them (65 against 56,000
  // messages/s).
  std::string from;
  std::size_t limit = 1000;
  Order order = Order::Ascending;
};

enum class Durability {
  Synced,    // commit answers when the change survives power loss
  Eventual,  // commit answers at once; the change survives the end of the process, and is synced with the next Synced
             // one
};

// An ordered, transactional key-value store. Every call blocks on the disk: call them on worker threads, not on event
// loops. Any thread, several at once; commits of several threads share one fsync.
class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // A consistent picture of one moment.
  virtual Result<std::vector<Record>> scan(const Range& range) const = 0;

  // Success: the batch is applied and durable as asked. PreconditionFailed: nothing was applied. ResourceExhausted: the
  // disk is full, nothing was acknowledged, trying again later may work. Any other failure: the disk refused a write;
  // whether the batch is on it is not known, and this store commits nothing more until the data folder is opened anew.
  virtual Result<> commit(Batch batch, Durability durability = Durability::Synced) = 0;
};

}  // namespace virga::store
