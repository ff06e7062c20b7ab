import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

export interface SnsOptions {
  readonly topicArn: string;
  readonly region: string;
  readonly endpoint: string | undefined;
}

/** SNS takes 100 ASCII characters as the subject of a mail. */
const subjectOf = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 100);

/** Sends messages to a topic. */
export function createTopic(options: SnsOptions): (message: { subject: string; text: string }) => Promise<void> {
  const { topicArn, region, endpoint } = options;
  const client = new SNSClient({ region, ...(endpoint === undefined ? {} : { endpoint }) });
  return async ({ subject, text }) => {
    await client.send(new PublishCommand({ TopicArn: topicArn, Subject: subjectOf(subject), Message: text }));
  };
}
