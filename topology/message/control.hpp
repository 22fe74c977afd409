// Control: small, never credited, overtakes bulk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/ids.hpp"

namespace freshet::topology {

/// First word on a link and heartbeat: who is alive, in which life, and what it can still take.
struct link_hello {
  epoch life;
  FRESHET_FIELDS(life)
};

/// Receiver -> sender of a sequenced link: all up to `received` is accepted, `credit` more may come.
struct link_ack {
  epoch sender_life;                 ///< the life whose sequence numbers are acknowledged
  epoch receiver_life;
  std::uint64_t received = 0;
  std::uint32_t credit = 0;
  FRESHET_FIELDS(sender_life, receiver_life, received, credit)
};

/// Answer to what could not be understood or done.
struct error_reply {
  std::uint8_t code = 0;
  std::string context;
  std::uint16_t refused_type = 0;
  FRESHET_FIELDS(code, context, refused_type)
};

/// Any client -> STATS, and its answer: one JSON document.
struct stats_request {
  std::string what;                  ///< "all" today; views come later
  FRESHET_FIELDS(what)
};
struct stats_snapshot {
  std::uint64_t number = 0;
  std::string json;
  FRESHET_FIELDS(number, json)
};

/// Console -> STATS: the live document (stats_document.md) first, then what changes in it. `subscription`
/// is drawn by the console for this one word: said again it changes nothing.
struct stats_subscribe {
  std::uint64_t subscription = 0;
  std::string what;                  ///< "live" today
  std::uint32_t interval_ms = 0;     ///< 0: as often as STATS would by itself
  FRESHET_FIELDS(subscription, what, interval_ms)
};
/// STATS -> console: a merge patch (RFC 7396) on the document that number - 1 left, on {} for the first.
struct stats_delta {
  std::uint64_t subscription = 0;
  std::uint64_t number = 0;          ///< from 1, without a gap
  bool complete = true;              ///< false: more of the same moment comes with the next number
  std::string json;
  FRESHET_FIELDS(subscription, number, complete, json)
};
/// Console -> STATS: all up to `number` is taken in. Also the heartbeat that keeps the subscription.
struct stats_taken {
  std::uint64_t subscription = 0;
  std::uint64_t number = 0;
  FRESHET_FIELDS(subscription, number)
};
/// Either end: the subscription is over. From STATS with the errc that says why.
struct stats_end {
  std::uint64_t subscription = 0;
  std::uint8_t code = 0;             ///< 0: in order
  std::string context;
  FRESHET_FIELDS(subscription, code, context)
};

/// Every role -> STATS, about once a second: its own counters as flat JSON.
struct role_report {
  std::string node;
  std::string role;
  std::uint32_t process_id = 0;
  std::uint64_t uptime_ms = 0;
  std::string json;
  FRESHET_FIELDS(node, role, process_id, uptime_ms, json)
};

/// BENCH -> DEVICE: answer `count` samples of your stream from `first` on (paced mode).
struct pace {
  std::uint64_t tick = 0;
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  FRESHET_FIELDS(tick, first, count)
};

/// DEVICE -> BENCH: the answers of that tick, for scoring.
struct paced {
  device_id device;
  std::uint64_t tick = 0;
  version student;
  std::vector<std::string> answers;       ///< of all samples of the tick; empty for a skipped one
  std::vector<std::uint32_t> skipped = {};  ///< which those are: they could not be read, or not by this student
  FRESHET_FIELDS(device, tick, student, answers, skipped)
};

/// DISTILLER -> BENCH: all samples of the tick are learned; `desired` is the version to wait for.
struct tick_learned {
  std::uint64_t tick = 0;
  version desired;
  std::uint64_t samples = 0;
  FRESHET_FIELDS(tick, desired, samples)
};

/// A node whose key is in nobody's list yet -> the enrolment desk: put the key that this link is
/// encrypted with into the list, as `node`. A key that is in the list may so bring in its successor.
struct enrol_request {
  std::string node;
  std::string token;                         ///< one-time; empty where the present key speaks for its successor
  std::vector<std::uint8_t> successor;       ///< public key; empty: the link's own key is meant
  FRESHET_FIELDS(node, token, successor)
};
/// Its answer; `trusted` is what the device's file of artefact keys must hold.
struct enrol_reply {
  bool accepted = false;
  std::string why;                           ///< when it was not
  std::string trusted;
  FRESHET_FIELDS(accepted, why, trusted)
};

/// Operator -> any role: stop in order.
struct stop_request {
  std::string reason;
  FRESHET_FIELDS(reason)
};

}  // namespace freshet::topology
