#include "topology/message/message_bytes.hpp"

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

TEST(message_bytes, counts_texts_lists_and_tensors_of_all_that_a_message_holds) {
  EXPECT_EQ(bytes_of(any_message{pace{}}), sizeof(pace));

  uts_batch batch;
  batch.payload = host_tensor::of(std::vector<std::uint8_t>(1000));
  batch.scales = host_tensor::of(std::vector<float>(10));
  batch.samples.resize(2);
  batch.samples[0].question = std::string(50, 'q');
  batch.samples[1].device_answer = "red";
  batch.samples[1].kept.resize(8);
  EXPECT_EQ(bytes_of(any_message{batch}), sizeof(uts_batch) + 1000 + 40 + 2 * sizeof(uts_sample) + 50 + 3 + 8);

  label_request request;
  request.batch = batch;
  EXPECT_EQ(bytes_of(any_message{request}) - sizeof(label_request), bytes_of(any_message{batch}) - sizeof(uts_batch))
      << "a message within a message";
}

}  // namespace
}  // namespace freshet::topology
