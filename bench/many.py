#!/usr/bin/python3
"""The work of multi_floor.c through boto3, in threads.

usage: many.py URL IN_FLIGHT N   prints CPU us a message, 0, messages a second
"""
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

URL, IN_FLIGHT, COUNT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

client = boto3.client(
    "iot-data", region_name="us-east-1", endpoint_url=URL,
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    config=Config(max_pool_connections=IN_FLIGHT))


def publish(_):
    client.publish(topic="sensors/1", qos=1, payload=b"21.5")


with ThreadPoolExecutor(IN_FLIGHT) as pool:
    list(pool.map(publish, range(2 * IN_FLIGHT)))
    began, start = time.process_time(), time.monotonic()
    list(pool.map(publish, range(COUNT)))
    spent, took = time.process_time() - began, time.monotonic() - start
print("%.3f 0 %.1f" % (spent / COUNT * 1e6, COUNT / took))
