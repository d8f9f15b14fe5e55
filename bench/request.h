/* request.h - the one presigned publish that both floors send. */
#ifndef request_h
#define request_h

#define TARGET "/topics/sensors%2F1?qos=1"
#define BODY "21.5"
#define BODY_SIZE "4"
#define ANSWER_MAX 4096 /* bytes; the bench server's whole answer is 250 */

/* All headers but host and content-length, each ended by END. */
#define HEADERS(END)                                                          \
  "x-amz-date: 20150830T123600Z" END                                          \
  "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"          \
  "us-east-1/iotdata/aws4_request, SignedHeaders=host;x-amz-date, "           \
  "Signature=6a19ef966212bf96a131418c23ab508b"                                \
  "bd32738891ea425043c24196c6424631" END                                      \
  "user-agent: iotdataplane/0.1.0 lang/lua#5.4 cfg/retry-mode#standard" END   \
  "amz-sdk-invocation-id: 1b671a64-40d5-491e-99b0-da01ff1f3341" END           \
  "amz-sdk-request: attempt=1" END

/* An 800 byte session token, as temporary credentials have one. */
#define PART "IQoJb3JpZ2luX2Vj"
#define PARTS PART PART PART PART PART PART PART PART PART PART
#define TOKEN_HEADER(END)                                                     \
  "x-amz-security-token: " PARTS PARTS PARTS PARTS PARTS END

#endif
