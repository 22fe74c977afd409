#include "actors/port/send_queue.hpp"

#include "kernels/base/check.hpp"

namespace freshet::port {

send_queue::drops send_queue::push(outgoing message) {
  drops dropped;
  if (!message.control) {
    if (bulk_.fits(message.wire_bytes, limits_.bulk_messages, limits_.bulk_bytes))
      bulk_.take(std::move(message));
    else
      dropped.bulk = 1;
    return dropped;
  }
  while (!control_.fits(message.wire_bytes, limits_.control_messages, limits_.control_bytes)) {
    control_.drop_front();
    ++dropped.control;
  }
  control_.take(std::move(message));
  return dropped;
}

const outgoing& send_queue::front() const {
  FRESHET_ENSURE(!empty(), "front() of an empty queue");
  return control_.items.empty() ? bulk_.items.front() : control_.items.front();
}

void send_queue::pop() {
  FRESHET_ENSURE(!empty(), "pop() of an empty queue");
  (control_.items.empty() ? bulk_ : control_).drop_front();
}

void send_queue::clear() {
  control_ = {};
  bulk_ = {};
}

}  // namespace freshet::port
