#include "actors/uplink_filter/outlet.hpp"

#include <utility>
#include <vector>

namespace freshet::actors {
namespace {

constexpr std::uint64_t memory_numbers_from = std::uint64_t{1} << 62;

}  // namespace

outlet::outlet(outlet_options options, std::unique_ptr<disk_spool> disk)
    : options_(std::move(options)),
      disk_(std::move(disk)),
      memory_(options_.spool_samples, options_.spool_bytes),
      sent_(options_.settle_wait),
      next_memory_number_(memory_numbers_from),
      state_(disk_ ? "disk" : "memory") {}

void outlet::fault(const error& why, outbox& out) {
  ++count_.faults;
  const std::string text = "failing: " + why.text();
  if (state_ != text) out.log(log_level::error, "spool on the disk: " + why.text() + "; what is kept waits in memory");
  state_ = text;
}

void outlet::push(shipment s, outbox& out) {
  if (disk_ && !s.dirty) {
    const auto dropped = disk_->push(s.packed);
    if (dropped.ok()) {
      if (state_ != "disk") out.log(log_level::info, "spool on the disk takes again");
      state_ = "disk";
      count_.shed += *dropped;
      return;
    }
    fault(dropped.err(), out);
  }
  count_.shed += memory_.push(std::move(s));
}

void outlet::send_first(std::uint64_t number, topology::uts_batch batch, outbox& out) {
  ++count_.messages;
  count_.samples += batch.samples.size();
  count_.bytes += wire_bytes(batch);
  count_.feature_messages += batch.format == topology::token_format::features_i8 ? 1 : 0;
  if (!batch.samples.empty()) sent_.add(number, batch);
  out.send(options_.intake, std::move(batch));
}

bool outlet::send_from_disk(outbox& out) {
  auto next = disk_->next();
  if (!next.ok()) {
    fault(next.err(), out);
    return next.err().code == errc::corrupt;  // the others may be sound
  }
  if (!*next) return false;
  const std::uint64_t number = (*next)->number;
  const bool bare = (*next)->batch.samples.empty();
  send_first(number, std::move((*next)->batch), out);
  if (bare) {
    if (auto gone = disk_->erase({number}); !gone.ok()) fault(gone.err(), out);
  }
  return true;
}

void outlet::send_from_memory(const pixel_form& pixels, outbox& out) {
  shipment next = memory_.pop();
  if (next.dirty) {
    if (auto packed = pack(next, pixels); !packed.ok()) {
      ++count_.faults;
      out.log(log_level::warn, "skipped a batch that cannot be packed: " + packed.err().text());
      return;
    }
  }
  send_first(next_memory_number_++, std::move(next.packed), out);
}

void outlet::flush(const pixel_form& pixels, time_point now, outbox& out) {
  while (out.room(options_.intake) > 0) {
    const topology::uts_batch* again = sent_.overdue(out.on_the_way(options_.intake) == 0, now);
    if (again == nullptr) break;
    ++count_.resent;
    count_.bytes += wire_bytes(*again);
    out.send(options_.intake, *again);
  }
  while (sent_.size() < options_.window && out.room(options_.intake) > 0) {
    if (disk_ && !disk_->empty()) {
      if (!send_from_disk(out)) break;
    } else if (!memory_.empty()) {
      send_from_memory(pixels, out);
    } else {
      break;
    }
  }
  if (sent_.size() > 0) out.wake_after(options_.settle_wait);
}

void outlet::settle(const topology::samples_settled& settled, const pixel_form& pixels, time_point now, outbox& out) {
  std::vector<std::uint64_t> gone;
  const auto close = [&](const std::vector<sequence>& positions, std::uint64_t& counter) {
    const std::size_t before = sent_.samples();
    for (const std::uint64_t number : sent_.settle(settled.device, positions)) {
      if (number < memory_numbers_from) gone.push_back(number);
    }
    counter += before - sent_.samples();
  };
  close(settled.accepted, count_.accepted);
  close(settled.refused, count_.refused);
  if (disk_) {
    if (auto erased = disk_->erase(gone); !erased.ok()) fault(erased.err(), out);
  }
  flush(pixels, now, out);
}

}  // namespace freshet::actors
