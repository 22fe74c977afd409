// Where accepted batches lie until they are learned, and which samples were ever accepted. What
// append() has taken is promised: intake acknowledges afterwards. The memory journal keeps the
// promise for the life of the process, a durable one behind the same interface beyond it.
// Owned by one intake core; one thread at a time.
#pragma once

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "topology/message/samples.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshet::actors {

class journal {
 public:
  virtual ~journal() = default;

  /// Whether (device, position) was accepted before: the idempotency key.
  [[nodiscard]] virtual bool knows(device_id device, sequence position) const = 0;
  /// Takes a batch and marks its samples as known. Returns its entry number; numbers ascend.
  virtual result<std::uint64_t> append(topology::uts_batch batch) = 0;
  /// The batch of an entry that is still held; null after erase().
  [[nodiscard]] virtual const topology::uts_batch* find(std::uint64_t entry) const = 0;
  /// The batch is learned. Its samples stay known.
  virtual void erase(std::uint64_t entry) = 0;
  /// Entries held, ascending: what a new life has to go on with.
  [[nodiscard]] virtual std::vector<std::uint64_t> pending() const = 0;
  /// Bytes of the batches held.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

}  // namespace freshet::actors
