# SPDX-License-Identifier: Apache-2.0
"""What `make run` and the tests share: private servers, processes, a small NATS client."""
