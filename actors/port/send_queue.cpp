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

const outgoing& send_queue::at(std::size_t index) const {
  FRESHET_ENSURE(index < messages(), "at() beyond the queue's end");
  const std::size_t control = control_.items.size();
  return index < control ? control_.items[index] : bulk_.items[index - control];
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
