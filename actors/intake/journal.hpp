// Where accepted batches lie until they are learned, and which samples were ever accepted. What
// append() has taken is promised: intake tells the sender afterwards. The memory journal keeps the
// promise for the life of the process, the durable one (durable_journal.hpp) beyond it.
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
  /// An entry that is held, without its batch.
  struct held_entry {
    std::uint64_t number = 0;
    std::size_t samples = 0;
  };

  virtual ~journal() = default;

  /// Drawn when the journal was made; with an entry's number it names accepted work for ever.
  [[nodiscard]] virtual std::uint64_t id() const = 0;
  /// Whether (device, position) was accepted before: the idempotency key.
  [[nodiscard]] virtual bool knows(device_id device, sequence position) const = 0;
  /// Takes a batch and marks its samples as known, both or neither. Returns its entry number; numbers
  /// ascend and are never used twice. errc::overloaded: this batch is one too many; any other error
  /// says that the journal cannot keep anything now.
  virtual result<std::uint64_t> append(topology::uts_batch batch) = 0;
  /// The batch of an entry that is held.
  [[nodiscard]] virtual result<topology::uts_batch> read(std::uint64_t entry) const = 0;
  /// These batches are learned; numbers that are not held are no matter. Their samples stay known. On
  /// an error all are still held.
  virtual result<void> erase(const std::vector<std::uint64_t>& entries) = 0;
  /// An entry that cannot be read is kept elsewhere, for people to look at, and held no more.
  virtual result<void> set_aside(std::uint64_t entry) = 0;
  /// Whether a batch of that many bytes can be expected to be taken.
  virtual result<void> probe(std::uint64_t batch_bytes) = 0;
  /// Entries held, by ascending numbers: what a new life has to go on with.
  [[nodiscard]] virtual std::vector<held_entry> pending() const = 0;
  /// Every entry below is learned and erased, whatever comes.
  [[nodiscard]] virtual std::uint64_t done_below() const = 0;
  /// Bytes of the batches held.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

}  // namespace freshet::actors
